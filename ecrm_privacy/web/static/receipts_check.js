// Checks a receipt (C2SP tlog-proof@v1) in this browser; nothing is sent. It shows only what it parsed from the payload
// that the proof covers. Formats: C2SP tlog-proof, tlog-checkpoint, signed-note; RFC 9162 (2.1.3.2) for inclusion.

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });
const form = document.getElementById("check");
const result = document.getElementById("result");

class Unsound extends Error {}

function need(truth, why) {
  if (!truth) throw new Unsound(why);
}

function bytes(base64) {
  need(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64), "format");
  return Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
}

const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const same = (one, other) => one.length == other.length && one.every((each, index) => each == other[index]);
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));

function decimal(digits) {
  need(/^(0|[1-9][0-9]{0,15})$/.test(digits), "format");
  return BigInt(digits);
}

// "c2sp.org/tlog-proof@v1", optional "extra <base64>", "index <n>", hashes, empty line, checkpoint
export function parse(receipt) {
  const cut = receipt.indexOf("\n\n");
  need(cut > 0, "format");
  const [magic, ...lines] = receipt.slice(0, cut).split("\n");
  need(magic == "c2sp.org/tlog-proof@v1" && lines[0]?.startsWith("extra ") && lines[1]?.startsWith("index "), "format");
  const extra = JSON.parse(text.decode(bytes(lines[0].slice(6))));
  const checkpoint = receipt.slice(cut + 2);
  const [origin, size, root, ...more] = checkpoint.slice(0, checkpoint.indexOf("\n\n")).split("\n");
  need(origin && root && !more.length, "format");
  return {
    leaf: bytes(extra.leaf),
    payload: extra.payload,
    open: bytes(extra.open),
    index: decimal(lines[1].slice(6)),
    path: lines.slice(2).map(bytes),
    checkpoint,
    origin,
    size: decimal(size),
    root: bytes(root),
  };
}

async function checkCommitment({ leaf, payload, open }) {
  const found = text.decode(leaf).match(/^\{"v":1,"t":"subject","c":"([A-Za-z0-9+/]{43}=)"\}$/);
  need(found, "leaf");
  const key = await crypto.subtle.importKey("raw", open, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const commitment = new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8.encode(payload)));
  need(same(commitment, bytes(found[1])), "commitment");
}

async function checkInclusion({ leaf, index, size, path, root }) {
  need(index < size, "inclusion");
  let hash = await sha256([0], leaf);
  let node = index;
  let last = size - 1n;
  for (const sibling of path) {
    need(last > 0n && sibling.length == 32, "inclusion");
    if (node & 1n || node == last) {
      hash = await sha256([1], sibling, hash);
      while (!(node & 1n) && node) [node, last] = [node >> 1n, last >> 1n];
    } else {
      hash = await sha256([1], hash, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  need(last == 0n && same(hash, root), "inclusion");
}

// vkey: "<name>+<hash, 8 hex digits>+<base64 of 0x01 and the Ed25519 key>"
async function checkSignature({ checkpoint, origin }, vkey) {
  const [name, id, ...rest] = vkey.trim().split("+");
  const key = bytes(rest.join("+"));
  need(name == origin && key.length == 33 && key[0] == 1, "signature");
  const hash = (await sha256(utf8.encode(name + "\n"), key)).slice(0, 4);
  need(id == [...hash].map((each) => each.toString(16).padStart(2, "0")).join(""), "signature");
  const cut = checkpoint.indexOf("\n\n");
  const lines = checkpoint.slice(cut + 2).split("\n");
  const line = lines.find((each) => each.startsWith(`\u2014 ${name} `));
  const signature = line && bytes(line.slice(name.length + 3));
  need(signature?.length == 68 && same(signature.slice(0, 4), hash), "signature");
  const ed25519 = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
  const note = utf8.encode(checkpoint.slice(0, cut + 1));
  need(await crypto.subtle.verify({ name: "Ed25519" }, ed25519, signature.slice(4), note), "signature");
}

export async function check(receipt, vkey) {
  const parsed = parse(receipt);
  await checkCommitment(parsed);
  await checkInclusion(parsed);
  await checkSignature(parsed, vkey);
  return parsed;
}

function line(tag, words, className) {
  const element = document.createElement(tag);
  element.textContent = words;
  if (className) element.className = className;
  return element;
}

// What was said, in the record's own words: "personalize: ConsentGiven", "offers, email: ConsentRequested".
function said(record) {
  return (record["dpv:hasRecordOfActivity"] ?? []).map((each) => {
    const about = each["dpv:hasProcess"] ?? {};
    const names = ["dpv:hasPurpose", "ecrm:viaChannel", "dpv:hasRecipient"].map((key) => about[key]).filter(Boolean);
    const short = names.map((name) => String(name).split("/").pop()).join(", ");
    return `${short}: ${String(each["dpv:hasConsentStatus"]?.["@type"]).replace("dpv:", "")}`;
  });
}

function showSound(parsed) {
  const record = JSON.parse(parsed.payload);
  const box = line("div", "", "ecrm-notice ecrm-notice-good");
  const facts = line("dl", "", "ecrm-facts");
  facts.append(line("dt", result.dataset.said), ...said(record).map((each) => line("dd", each)));
  facts.append(line("dt", result.dataset.when), line("dd", String(record["dct:created"])));
  facts.append(line("dt", result.dataset.entry), line("dd", String(parsed.index)));
  facts.append(line("dt", result.dataset.log), line("dd", parsed.origin));
  const payload = document.createElement("pre");
  payload.append(line("code", JSON.stringify(record, null, 2)));
  box.append(line("p", result.dataset.good), facts);
  result.replaceChildren(box, payload);
}

function showUnsound(error) {
  const why = error instanceof Unsound ? error.message : error.name == "NotSupportedError" ? "unknown" : "format";
  const box = line("div", "", "ecrm-notice ecrm-notice-bad");
  if (why != "unknown") box.append(line("p", result.dataset.bad));
  box.append(line("p", result.dataset[why]));
  result.replaceChildren(box);
}

form.hidden = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { file, text: pasted, key } = form.elements;
  const receipt = file.files[0] ? await file.files[0].text() : pasted.value;
  await check(receipt, key.value).then(showSound, showUnsound);
});
