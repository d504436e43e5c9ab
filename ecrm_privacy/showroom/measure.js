// Measures one banner in the page that shows it, and judges nothing: rules.py does. Evaluates to an async function that
// takes `{scripts, shift}` and returns plain values; lengths are CSS pixels, colours [red, green, blue, alpha].
//
// It finds a banner as a shop's page has it: <ecrm-banner> with its shadow root, or <form data-ecrm-banner>. What the
// choices are is said by data-ecrm-action.
async ({ scripts, shift }) => {
  const host = document.querySelector("ecrm-banner, form[data-ecrm-banner]");
  const root = host?.shadowRoot || host;
  const frame = host?.shadowRoot?.querySelector("section") || host;
  const view = { width: innerWidth, height: innerHeight };
  if (!root) return { found: false, view };

  const paint = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const parent = (node) => node.parentElement || node.getRootNode().host || null;
  const lineage = (node) => (node ? [node, ...lineage(parent(node))] : []);
  const everything = [...root.querySelectorAll("*")];

  // Whatever CSS calls a colour, as numbers.
  const rgba = (colour) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = "#000";
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = paint.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = ([...top], under) => top.slice(0, 3).map((part, at) => part * top[3] + under[at] * (1 - top[3])).concat(1);
  const canvas = () => {
    const probe = document.createElement("i");
    probe.style.cssText = "position:fixed;background:Canvas";
    document.body.append(probe);
    const colour = rgba(getComputedStyle(probe).backgroundColor);
    probe.remove();
    return colour;
  };
  const ground = canvas();

  const background = (node) =>
    lineage(node)
      .reverse()
      .reduce((under, each) => over(rgba(getComputedStyle(each).backgroundColor), under), ground);
  // A picture counts down to what covers everything behind it.
  const pictured = (node) => {
    for (const each of lineage(node)) {
      const { backgroundImage, backgroundColor } = getComputedStyle(each);
      if (backgroundImage != "none") return true;
      if (rgba(backgroundColor)[3] == 1) return false;
    }
    return false;
  };
  const opacity = (node) => lineage(node).reduce((all, each) => all * +getComputedStyle(each).opacity, 1);
  const luminance = (colour) => {
    const [red, green, blue] = colour
      .slice(0, 3)
      .map((part) => (part /= 255) && (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const contrast = (node) => {
    const under = background(node);
    const [red, green, blue, alpha] = rgba(getComputedStyle(node).color);
    return ratio(over([red, green, blue, alpha * opacity(node)], under), under);
  };
  const box = (node) => {
    const { x, y, width, height } = node.getBoundingClientRect();
    return { x, y, width, height };
  };
  const shown = (node) => {
    const { width, height } = node.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(node).visibility == "visible";
  };
  // Whether somebody who scrolls nothing can press it: its middle, and the points near its corners.
  const reachable = (node) => {
    const { x, y, width, height } = node.getBoundingClientRect();
    const points = [[0.5, 0.5], [0.1, 0.2], [0.9, 0.2], [0.1, 0.8], [0.9, 0.8]];
    return points.every(([across, down]) => {
      const at = node.getRootNode().elementFromPoint(x + width * across, y + height * down);
      return at && (at == node || node.contains(at));
    });
  };
  const words = (node) =>
    [...node.childNodes].filter((each) => each.nodeType == Node.TEXT_NODE && each.data.trim()).map((each) => each.data);

  // In the order of the Tab key: a positive tabindex first, then as they stand.
  const focusable = everything
    .filter((each) => each.matches("a[href], button, input:not([type=hidden]), select, textarea, [tabindex]"))
    .filter((each) => shown(each) && each.tabIndex >= 0 && !each.disabled)
    .map((each, at) => [each.tabIndex > 0 ? each.tabIndex : 1e6, at, each])
    .sort(([a, x], [b, y]) => a - b || x - y)
    .map(([, , each]) => each);
  const active = root.activeElement || document.activeElement;

  const choices = [...root.querySelectorAll("[data-ecrm-action]")].map((each) => {
    const style = getComputedStyle(each);
    return {
      action: each.dataset.ecrmAction,
      words: each.innerText.trim().replace(/\s+/g, " "),
      kind: each.matches("button, input, [role=button]") ? "button" : each.matches("a") ? "link" : "other",
      box: box(each),
      shown: shown(each),
      reachable: shown(each) && reachable(each),
      order: focusable.indexOf(each),
      focused: active == each,
      disabled: !!each.disabled,
      contrast: contrast(each),
      pictured: pictured(each),
      clipped: each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1,
      look: {
        colour: rgba(style.color).join(),
        background: background(each).map(Math.round).join(),
        border: [style.borderTopColor, style.borderTopWidth, style.borderTopStyle, style.borderTopLeftRadius].join(" "),
        shadow: style.boxShadow,
        opacity: opacity(each).toFixed(2),
      },
      font: {
        family: style.fontFamily,
        size: parseFloat(style.fontSize),
        weight: style.fontWeight,
        style: style.fontStyle,
        case: style.textTransform,
        line: style.textDecorationLine,
        spacing: style.letterSpacing,
      },
    };
  });

  const texts = everything
    .filter((each) => words(each).length && shown(each) && !each.matches("style, script, template"))
    .map((each) => ({
      words: words(each).join(" ").trim().replace(/\s+/g, " ").slice(0, 80),
      size: parseFloat(getComputedStyle(each).fontSize),
      contrast: contrast(each),
      pictured: pictured(each),
    }));

  const ticked = [...root.querySelectorAll("input, [aria-checked]")]
    .filter((each) => !each.disabled && (each.checked || each.getAttribute("aria-checked") == "true"))
    .map((each) => each.name || each.id || each.textContent.trim().slice(0, 40));

  // The page beside the banner: covered by something of the banner's, or made to ignore the visitor.
  const grid = [0.02, 0.25, 0.5, 0.75, 0.98].flatMap((across) => [0.02, 0.2, 0.4, 0.6, 0.8].map((down) => [across, down]));
  const inside = frame.getBoundingClientRect();
  const beside = grid
    .map(([across, down]) => [view.width * across, view.height * down])
    .filter(([x, y]) => x < inside.left - 4 || x > inside.right + 4 || y < inside.top - 4 || y > inside.bottom + 4);
  const behind = ([x, y]) => {
    const at = document.elementFromPoint(x, y);
    return !at || at == host || host.contains(at) || !!at.closest("[inert]") || at.matches("dialog, [aria-modal=true]");
  };
  const style = [document.documentElement, document.body].map((each) => getComputedStyle(each));
  const modal = {
    says: [host, ...everything].some((each) => each.matches('[aria-modal="true"], [role=alertdialog], dialog:modal')),
    covers: (inside.width * inside.height) / (view.width * view.height),
    blocked: beside.filter(behind).length,
    looked: beside.length,
    locked:
      style.some((each) => /hidden|clip/.test(each.overflowY) || each.position == "fixed") ||
      !!document.querySelector("body > [inert], body[inert]"),
  };

  const moved = !scripts
    ? 0
    : shift ??
      (await new Promise((done) => {
        let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((each) => (sum += each.value))).observe({
          type: "layout-shift",
          buffered: true,
        });
        setTimeout(() => done(sum), 150);
      }));

  const buttons = choices.reduce((sum, each) => sum + each.words.length, 0);
  return {
    found: true,
    view,
    box: box(frame),
    choices,
    texts,
    ticked,
    modal,
    shift: moved,
    wider: Math.max(0, document.documentElement.scrollWidth - view.width),
    characters: Math.max(0, frame.innerText.replace(/\s+/g, " ").trim().length - buttons),
  };
}
