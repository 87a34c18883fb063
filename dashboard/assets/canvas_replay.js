// Replays how the picture came about: elements appear at the time of their first transaction, members take their colour
// when they joined. Elements wait in order of time, so that a tick touches only what changes.
(function () {
  const MILLISECONDS = 8_000;
  const SLIDER_MILLISECONDS = 400;
  const END = 1_000;

  // ``moved`` holds where the replay itself put the slider, which is no wish of the person's.
  const replay = { cy: null, span: null, steps: [], at: 0, frame: null, moved: new Set() };

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
    replay.moved.clear();
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

  function at(value) {
    const [from, to] = replay.span;
    const time = from + ((to - from) * value) / END;
    show(value >= END ? Infinity : time);
    return value >= END ? `All, to ${text(to)}` : text(time);
  }

  function seek(value) {
    if (!replay.cy || !replay.span) return "";
    if (replay.moved.has(value) && value < END) return window.dash_clientside.no_update;
    if (replay.frame) stop();
    return at(value);
  }

  function stop() {
    if (replay.frame) cancelAnimationFrame(replay.frame);
    replay.frame = null;
    paint();
  }

  function paint() {
    const button = document.getElementById("canvas-play");
    if (!button) return;
    button.textContent = replay.frame ? "❚❚ Stop" : "▶ Replay";
    button.setAttribute("aria-pressed", replay.frame ? "true" : "false");
  }

  function move(value) {
    replay.moved.add(value);
    window.dash_clientside.set_props("canvas-time", { value });
  }

  function play() {
    if (replay.frame) return stop();
    if (!replay.span) return undefined;
    const began = performance.now();
    replay.moved.clear();
    let moved = 0;
    const turn = (now) => {
      const when = document.getElementById("canvas-when");
      if (!when) return stop();
      const value = Math.min(END, Math.max(0, Math.round(((now - began) / MILLISECONDS) * END)));
      const words = at(value);
      if (value >= END) {
        stop();
        return move(END);
      }
      when.textContent = words;
      if (now - moved > SLIDER_MILLISECONDS) {
        moved = now;
        move(value);
      }
      replay.frame = requestAnimationFrame(turn);
      return undefined;
    };
    replay.frame = requestAnimationFrame(turn);
    paint();
    return undefined;
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("#canvas-play")) play();
  });

  window.ringfenceReplay = { begin, take, seek };
})();
