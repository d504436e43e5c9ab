// What tags may, told before any of them runs: Google Consent Mode v2 and IAB GPP 1.1. The service puts what this
// visitor allows behind this function (`/signals.js`), so nothing is guessed and nothing waits.
(state) => {
  "use strict";
  // A page may know of Global Privacy Control what no header said: until ecrm.js has asked, nothing of it is certain.
  const unheard = navigator.globalPrivacyControl && !state.gpc_heard;
  window.ecrm = { permissions: unheard ? [] : state.permissions };
  if (unheard) for (const type of ["ad_storage", "ad_user_data", "ad_personalization"]) state.google[type] = "denied";
  (function () {
    (window.dataLayer ||= []).push(arguments);
  })("consent", "default", state.google);

  let { gpp } = state;
  let signalStatus = state.ready && !unheard ? "ready" : "not ready";
  let cmpDisplayStatus = "hidden";
  let last = 0;
  const listeners = new Map();
  const waiting = window.__gpp?.queue || []; // of a stub that stood here before

  const ping = () => ({
    gppVersion: "1.1",
    cmpStatus: "loaded",
    cmpDisplayStatus,
    signalStatus,
    supportedAPIs: state.apis,
    cmpId: 0, // we are registered with nobody
    ...gpp,
  });
  const event = (eventName, listenerId, data) => ({ eventName, listenerId, data, pingData: ping() });
  const fire = (name, data) => listeners.forEach((callback, id) => callback(event(name, id, data), true));
  const section = (name) => gpp.parsedSections[String(name).split(".")[0]] || null;
  const commands = {
    ping,
    getGPPData: ping,
    getSection: section,
    hasSection: (name) => !!section(name),
    getField: (name) => section(name)?.[String(name).split(".")[1]] ?? null,
    addEventListener(_, callback) {
      listeners.set(++last, callback);
      return event("listenerRegistered", last, true);
    },
    removeEventListener: (id) => event("listenerRemoved", id, listeners.delete(id)),
  };

  window.__gpp = (command, callback = () => {}, parameter) => {
    const known = Object.hasOwn(commands, command);
    const reply = known ? commands[command](parameter, callback) : null;
    callback(reply, known && reply !== null);
  };
  for (const call of waiting) window.__gpp(...call);

  // What the page was told becomes untrue with an answer, until the service has acknowledged it.
  document.addEventListener("ecrm:permissions", ({ detail }) => {
    if (!gpp.sectionList.length) return;
    const ready = detail.gpp ? "ready" : "not ready";
    const changed = detail.gpp && detail.gpp.gppString != gpp.gppString;
    gpp = detail.gpp || gpp;
    if (changed) for (const name in gpp.parsedSections) fire("sectionChange", name);
    if (ready != signalStatus) fire("signalStatus", (signalStatus = ready));
  });
  new MutationObserver(() => {
    const shown = document.querySelector("ecrm-banner") ? "visible" : "hidden";
    if (shown != cmpDisplayStatus) fire("cmpDisplayStatus", (cmpDisplayStatus = shown));
  }).observe(document.documentElement, { childList: true });

  // Frames of the page find us by the name of a frame, and ask by message.
  addEventListener("message", ({ data, source }) => {
    let call;
    try {
      call = (typeof data == "string" ? JSON.parse(data) : data)?.__gppCall;
    } catch {
      return;
    }
    if (!call) return;
    const reply = (returnValue, success) => {
      const said = { __gppReturn: { returnValue, success, callId: call.callId } };
      source?.postMessage(typeof data == "string" ? JSON.stringify(said) : said, "*");
    };
    window.__gpp(call.command, reply, call.parameter);
  });
  const locate = () => {
    if (window.frames.__gppLocator) return;
    const frame = document.createElement("iframe");
    frame.name = "__gppLocator";
    frame.hidden = true;
    document.body.append(frame);
  };
  if (!gpp.sectionList.length) return; // nothing applies: no frame of the page has to find us
  if (document.body) locate();
  else addEventListener("DOMContentLoaded", locate);
};
