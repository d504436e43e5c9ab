// A page that uses everything `/ecrm.js` offers, the way its types say; `make types` compiles it.
/// <reference path="../../ecrm_privacy/web/static/ecrm.d.ts" />

async function page(): Promise<string> {
  if (ecrm.allowed("offers", "email")) await ecrm.open("offers");
  const answers: EcrmAnswer[] = [{ purpose: "share", recipient: "tea-guild", answer: "given" }];
  const taken = await window.ecrm.answer(answers, "save", "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA");
  ecrm.track({ type: "view", item_id: "kettle-copper" });
  document.addEventListener("ecrm:permissions", ({ detail }) => {
    const open = detail.permissions.filter((row) => row.allowed && row.status === "given");
    console.log(open.length, detail.gpp?.gppString);
  });
  document.addEventListener("ecrm:pending", () => console.log("waits"));
  window.__gpp?.("ping", (data, success) => console.log(data, success));
  await document.createElement("ecrm-slot").load();
  // @ts-expect-error an answer is one of four words
  await ecrm.answer([{ purpose: "share", answer: "maybe" }]);
  // @ts-expect-error permissions are looked at, never set
  ecrm.permissions = [];
  return taken.receipt_url;
}

export { page };
