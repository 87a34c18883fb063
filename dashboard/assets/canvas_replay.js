// Replays how the picture came about: elements appear at the time of their first transaction, members take their colour
// when they joined. Elements wait in order of time, so that a tick touches only what changes.
(function () {
  const TURNS = 240;
  const MILLISECONDS = 10_000;
  const END = 1_000;

  const replay = { cy: null, span: null, steps: [], at: 0, timer: null };

  function steps(elements) {
    const found = [];
    elements.forEach((element) => {
      const { time, joined } = element.data();
      if (time != null) found.push({ time, element, name: "future" });
      if (joined != null) found.push({ time: joined, element, name: "early" });
    });
    return found.sort((left, right) => left.time - right.time);
  }

  function text(time) {
    return new Date(time).toISOString().slice(0, 16).replace("T", " ") + " UTC";
  }

  // All is shown at the right end; ``at`` counts the steps that have happened.
  function show(time) {
    let at = replay.at;
    replay.cy.batch(() => {
      for (; at < replay.steps.length && replay.steps[at].time <= time; at++) {
        replay.steps[at].element.removeClass(replay.steps[at].name);
      }
      for (; at > 0 && replay.steps[at - 1].time > time; at--) {
        replay.steps[at - 1].element.addClass(replay.steps[at - 1].name);
      }
    });
    replay.at = at;
  }

  function begin(cy, span) {
    stop();
    Object.assign(replay, { cy, span, steps: steps(cy.elements()) });
    replay.at = replay.steps.length;
    if (document.getElementById("canvas-time")) {
      window.dash_clientside.set_props("canvas-time", { value: END, disabled: !span || span[0] === span[1] });
    }
  }

  function take(added) {
    if (!replay.cy) return;
    const time = replay.at < replay.steps.length && replay.at > 0 ? replay.steps[replay.at - 1].time : Infinity;
    replay.steps = steps(replay.cy.elements());
    replay.at = replay.steps.length;
    show(time);
  }

  function seek(value) {
    if (!replay.cy || !replay.span) return "";
    const [from, to] = replay.span;
    const time = from + ((to - from) * value) / END;
    show(value >= END ? Infinity : time);
    return value >= END ? `All, to ${text(to)}` : text(time);
  }

  function stop() {
    if (replay.timer) clearInterval(replay.timer);
    replay.timer = null;
    paint();
  }

  function paint() {
    const button = document.getElementById("canvas-play");
    if (!button) return;
    button.textContent = replay.timer ? "❚❚ Stop" : "▶ Replay";
    button.setAttribute("aria-pressed", replay.timer ? "true" : "false");
  }

  function play() {
    if (replay.timer) return stop();
    if (!replay.span) return undefined;
    let value = 0;
    replay.timer = setInterval(() => {
      if (!document.getElementById("canvas-time")) return stop();
      value = Math.min(END, value + END / TURNS);
      window.dash_clientside.set_props("canvas-time", { value });
      if (value >= END) stop();
      return undefined;
    }, MILLISECONDS / TURNS);
    paint();
    return undefined;
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("#canvas-play")) play();
  });

  window.ringfenceReplay = { begin, take, seek };
})();
