// The canvas: draws what the server sends with its places, and does all that needs no server: hide, pin, undo, fit,
// choose, tooltips, badges. What comes from outside is only ever set as text.
(function () {
  const LARGE = 400;
  const MOST_UNDO = 100;
  const FIT_PADDING = 36;
  const MOST_FIT = 1.2;
  const NODE_ROOM = 64;
  // From this zoom on names are about to be large enough to be drawn (the style's min-zoomed-font-size).
  const READABLE = 0.55;
  const NEAR = "members";

  const state = { cy: null, degrees: {}, undo: [], asked: 0, turn: 0 };

  function current() {
    const holder = document.getElementById("canvas");
    if (!holder) return null;
    const found = [holder, ...holder.querySelectorAll("*")].find((one) => one._cyreg && one._cyreg.cy);
    return found ? found._cyreg.cy : null;
  }

  function whenThere(act, tries = 100) {
    const cy = current();
    if (cy) act(cy);
    else if (tries > 0) setTimeout(() => whenThere(act, tries - 1), 30);
  }

  function tell(id, props) {
    if (document.getElementById("canvas")) window.dash_clientside.set_props(id, props);
  }

  function say(text) {
    const line = document.getElementById("canvas-say");
    if (line) line.textContent = text;
  }

  function adopt(cy) {
    if (state.cy === cy) return;
    state.cy = cy;
    state.undo = [];
    state.degrees = {};
    cy.on("dbltap", "node", (event) => expand(event.target));
    cy.on("select", "node", (event) => tell("canvas-chosen", { data: event.target.id() }));
    cy.on("mouseover", "node, edge", (event) => tip(event.target, event.renderedPosition));
    cy.on("mouseout tap drag pan zoom", hideTip);
    cy.on("resize", () => cy.scratch("untouched") && fit());
    cy.on("zoom", nameWhenReadable);
    cy.on("tapstart scrollzoom", () => cy.scratch("untouched", false));
  }

  // --- drawing ---

  // A large picture is drawn by cheaper means: straight lines without heads, names only once they can be read, and a
  // still image while it is moved.
  function suit(cy, number) {
    const renderer = cy.renderer();
    renderer.textureOnViewport = number > LARGE;
    if (number > LARGE) renderer.forcedPixelRatio = 1;
  }

  // Before they are added, so that their style is worked out once.
  function suited(elements, number) {
    const extra = number > LARGE ? { line: " plain", node: "" } : { line: "", node: " named" };
    return elements.map((one) => ({ ...one, classes: one.classes + (one.data.source ? extra.line : extra.node) }));
  }

  function nameWhenReadable() {
    const cy = current();
    if (cy && cy.zoom() >= READABLE) nameAll(cy);
  }

  function nameAll(cy) {
    const nameless = cy.nodes().filter((node) => !node.hasClass("named"));
    if (nameless.nonempty()) cy.batch(() => nameless.addClass("named"));
  }

  // The page's own address behind a prefix, as the answer to the page named it to be loaded early.
  async function picture(scope) {
    const answer = await fetch(`/_canvas${window.location.pathname}` + (scope === NEAR ? "" : `?scope=${scope}`));
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    return answer.json();
  }

  function trouble(text) {
    const props = { title: "The canvas cannot be drawn now", children: text, color: "red", variant: "light" };
    return { type: "Alert", namespace: "dash_mantine_components", props };
  }

  function busy(is) {
    document.querySelectorAll(".canvas-box").forEach((box) => box.setAttribute("aria-busy", String(is)));
  }

  // Of pictures asked for one after the other only the last is shown.
  async function draw(_subject, scope) {
    const turn = ++state.turn;
    let graph;
    busy(true);
    try {
      graph = await picture(scope);
    } catch (error) {
      busy(false);
      return trouble(error.message);
    }
    if (turn !== state.turn) return window.dash_clientside.no_update;
    busy(false);
    whenThere((cy) => turn === state.turn && show(cy, graph));
    return graph.note;
  }

  function show(cy, graph) {
    const began = performance.now();
    adopt(cy);
    const pinned = {};
    cy.nodes(".pinned").forEach((node) => void (pinned[node.id()] = { ...node.position() }));
    suit(cy, graph.elements.length);
    cy.batch(() => {
      cy.elements().remove();
      cy.add(suited(graph.elements, graph.elements.length));
      Object.entries(pinned).forEach(([id, place]) => {
        const node = cy.getElementById(id);
        if (node.nonempty()) node.position(place).addClass("pinned").lock();
      });
    });
    state.undo = [];
    badges();
    cy.scratch("untouched", true);
    fit();
    say(`${cy.nodes().length} nodes, ${cy.edges().length} connections`);
    cy.scratch("drawn", performance.now() - began);
    // What goes round the picture comes once it has been painted.
    requestAnimationFrame(() => setTimeout(() => state.cy === cy && !cy.destroyed() && tellAround(cy, graph)));
  }

  function tellAround(cy, graph) {
    window.ringfenceReplay.begin(cy, graph.span);
    tell("canvas-shown", { data: cy.nodes().map((node) => node.id()) });
    tell("canvas-pick", {
      data: cy.nodes().map((node) => ({ value: node.id(), label: node.data("name") })),
    });
  }

  // By the places alone: to ask for boxes would have every name measured.
  function fit() {
    const cy = current();
    if (!cy) return;
    const seen = cy.nodes().filter((node) => !node.hasClass("hidden") && !node.hasClass("future"));
    if (seen.empty()) return;
    const x = seen.map((node) => node.position("x"));
    const y = seen.map((node) => node.position("y"));
    const [left, right, top, bottom] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
    const room = (most) => Math.max(1, most - 2 * FIT_PADDING);
    const zoom = Math.min(
      room(cy.width()) / (right - left + NODE_ROOM),
      room(cy.height()) / (bottom - top + NODE_ROOM),
      MOST_FIT,
    );
    const level = Math.max(cy.minZoom(), zoom);
    cy.viewport({
      zoom: level,
      pan: {
        x: cy.width() / 2 - (level * (left + right)) / 2,
        y: cy.height() / 2 - (level * (top + bottom)) / 2,
      },
    });
  }

  // --- badges: how many relationships of a node are not on the canvas ---

  const pictures = new Map();

  function badge(text) {
    if (!pictures.has(text)) {
      const svg =
        `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="36" viewBox="0 0 60 36">` +
        `<rect x="1" y="1" width="58" height="34" rx="17" fill="#364fc7" stroke="#fff" stroke-width="2"/>` +
        `<text x="30" y="25" font-family="system-ui,sans-serif" font-size="21" font-weight="700" fill="#fff" ` +
        `text-anchor="middle">${text}</text></svg>`;
      pictures.set(text, "data:image/svg+xml," + encodeURIComponent(svg));
    }
    return pictures.get(text);
  }

  function badges() {
    const cy = current();
    if (!cy) return;
    const shown = {};
    cy.edges().forEach((edge) => {
      if (edge.source().hasClass("hidden") || edge.target().hasClass("hidden")) return;
      [edge.data("source"), edge.data("target")].forEach((id) => void (shown[id] = (shown[id] || 0) + 1));
    });
    cy.batch(() => {
      cy.nodes().forEach((node) => {
        const more = (state.degrees[node.id()] || 0) - (shown[node.id()] || 0);
        if (more > 0) node.data({ more, badge: badge(`${more}+`) });
        else if (node.data("badge")) node.removeData("more badge");
      });
    });
  }

  function learn(degrees) {
    if (degrees) {
      Object.assign(state.degrees, degrees);
      whenThere(badges);
    }
    return window.dash_clientside.no_update;
  }

  // --- what a person does ---

  function chosen() {
    const cy = current();
    return cy ? cy.nodes(":selected") : [];
  }

  function remember(name, undo) {
    state.undo.push({ name, undo });
    if (state.undo.length > MOST_UNDO) state.undo.shift();
  }

  function expand(node) {
    const cy = current();
    node = node || chosen()[0];
    if (!cy || !node) return say("Choose a node first.");
    say("Looking for neighbours…");
    const near = node.neighborhood("node").map((one) => one.id());
    tell("canvas-ask", { data: { node: node.id(), near, number: ++state.asked } });
  }

  function hide() {
    const nodes = chosen();
    if (!nodes.length) return say("Choose a node first.");
    nodes.addClass("hidden").unselect();
    remember("hide", () => nodes.removeClass("hidden"));
    badges();
    say(`${nodes.length} hidden; undo brings it back.`);
  }

  function pin() {
    const nodes = chosen();
    if (!nodes.length) return say("Choose a node first.");
    const flip = () =>
      nodes.forEach((node) => {
        node.toggleClass("pinned");
        if (node.hasClass("pinned")) node.lock();
        else node.unlock();
      });
    flip();
    remember("pin", flip);
    say(nodes[0].hasClass("pinned") ? "Pinned: it keeps its place." : "Not pinned any more.");
  }

  function undo() {
    const last = state.undo.pop();
    if (!last) return say("Nothing to undo.");
    last.undo();
    badges();
    say(`Undone: ${last.name}.`);
  }

  // New neighbours fan out from their node, away from the middle of the picture.
  function around(cy, centre, number) {
    const box = cy.nodes(":visible").boundingBox();
    const here = centre.position();
    const away = Math.atan2(here.y - (box.y1 + box.y2) / 2, here.x - (box.x1 + box.x2) / 2) || 0;
    const arc = Math.min(Math.PI * 1.6, 0.5 * number);
    const radius = Math.max(130, (number * 42) / Math.max(arc, 0.5) / (number > 14 ? 2 : 1));
    return (i) => {
      const angle = away + (number > 1 ? (i / (number - 1) - 0.5) * arc : 0);
      const far = radius + (number > 14 && i % 2 ? 85 : 0);
      return { x: here.x + far * Math.cos(angle), y: here.y + far * Math.sin(angle) };
    };
  }

  function take(found) {
    const cy = current();
    if (!found || !cy) return window.dash_clientside.no_update;
    const centre = cy.getElementById(found.node);
    if (centre.empty()) return window.dash_clientside.no_update;
    const fresh = found.elements.filter((one) => cy.getElementById(one.data.id).empty());
    const nodes = fresh.filter((one) => !one.data.source);
    const place = around(cy, centre, nodes.length);
    nodes.forEach((one, i) => void (one.position = place(i)));
    const back = found.elements
      .map((one) => cy.getElementById(one.data.id))
      .filter((one) => one.nonempty() && one.hasClass("hidden"));
    back.forEach((one) => one.removeClass("hidden"));
    const known = new Set([...cy.nodes().map((one) => one.id()), ...nodes.map((one) => one.data.id)]);
    const whole = fresh.filter(({ data }) => !data.source || (known.has(data.source) && known.has(data.target)));
    const number = cy.elements().length + whole.length;
    suit(cy, number);
    const added = cy.add(suited(whole, number));
    remember("expand", () => {
      added.remove();
      back.forEach((one) => one.addClass("hidden"));
    });
    window.ringfenceReplay.take(added);
    badges();
    const there = nodes.length + back.length;
    say(there ? `${there} more shown.` : "Nothing more to show there.");
    if (nodes.length) tell("canvas-shown", { data: nodes.map((one) => one.data.id) });
    return window.dash_clientside.no_update;
  }

  function pick(id) {
    const cy = current();
    if (!cy || !id) return window.dash_clientside.no_update;
    const node = cy.getElementById(id);
    if (node.nonempty()) {
      cy.nodes(":selected").unselect();
      node.select();
      if (cy.zoom() < 0.6) cy.zoom(0.8);
      cy.center(node);
    }
    return window.dash_clientside.no_update;
  }

  // --- tooltip ---

  function tip(element, at) {
    const box = document.getElementById("canvas-tip");
    if (!box || !at) return;
    const head = document.createElement("strong");
    head.textContent = element.isNode() ? element.data("name") : element.data("label");
    const lines = (element.data("lines") || []).map((text) => {
      const line = document.createElement("div");
      line.textContent = text;
      return line;
    });
    if (element.data("more")) {
      const line = document.createElement("div");
      line.textContent = `${element.data("more")}+ more connections: double-click`;
      lines.push(line);
    }
    box.replaceChildren(head, ...lines);
    box.hidden = false;
    const room = box.parentElement.clientWidth - box.offsetWidth - 4;
    box.style.left = `${Math.max(4, Math.min(at.x + 14, room))}px`;
    box.style.top = `${at.y + 14}px`;
  }

  function hideTip() {
    const box = document.getElementById("canvas-tip");
    if (box) box.hidden = true;
  }

  function save() {
    const cy = current();
    if (!cy) return;
    nameAll(cy);
    const paper = getComputedStyle(document.body).backgroundColor;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(cy.png({ full: true, output: "blob", bg: paper, maxWidth: 4000, maxHeight: 4000 }));
    link.download = `${window.location.pathname.split("/").pop()}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const acts = { expand: () => expand(), hide, pin, undo, fit, picture: save };

  document.addEventListener("click", function (event) {
    const button = event.target.closest && event.target.closest("[data-canvas]");
    if (button && acts[button.dataset.canvas]) acts[button.dataset.canvas]();
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    ringfence_canvas: {
      draw,
      learn,
      take,
      pick,
      seek: (value) => window.ringfenceReplay.seek(value),
      // The choice made for a hub becomes a question like that of a double click.
      choose: function (clicks, node, kinds, since, least, limit) {
        const cy = current();
        if (!clicks || !cy || !node) return window.dash_clientside.no_update;
        const near = cy.getElementById(node).neighborhood("node").map((one) => one.id());
        return { node, near, number: ++state.asked, chosen: { kinds, since, least, limit } };
      },
    },
  });
})();
