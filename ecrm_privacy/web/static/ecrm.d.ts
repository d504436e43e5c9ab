// Types of what `/ecrm.js` and `/signals.js` bring to a page. Copy this file into your project, or refer to it:
// /// <reference path="./ecrm.d.ts" />

/** What was said last, in the words of the W3C Data Privacy Vocabulary, and `objected` (GDPR 21). */
type EcrmStatus =
  | "unknown"
  | "requested"
  | "deferred"
  | "refused"
  | "given"
  | "renewed"
  | "withdrawn"
  | "revoked"
  | "expired"
  | "invalidated"
  | "objected";

/** How an answer was expressed. */
type EcrmMethod = "accept_all" | "refuse_all" | "save" | "undo" | "gpc";

/** One answer: to a purpose, or to one channel or one recipient under it. */
interface EcrmAnswer {
  purpose: string;
  channel?: string;
  recipient?: string;
  answer: "given" | "refused" | "withdrawn" | "objected";
  /** Where a yes to a channel reaches the person. */
  address?: string;
}

/** What is allowed now, and why. `until` is a day (RFC 3339); `capture_url` is where a refusal can be answered anew. */
interface EcrmPermission {
  purpose: string;
  allowed: boolean;
  status: EcrmStatus;
  basis: string;
  because: string;
  channel?: string;
  recipient?: string;
  until?: string;
  capture_url?: string;
  /** A yes that this browser gave before its account ever answered. */
  here_only?: boolean;
  /** A yes that a parent gave. */
  by_parent?: boolean;
  /** It has a yes of its own, and waits for one to its purpose. */
  waits?: boolean;
}

/** What IAB GPP tells of this visitor; only where one of its sections applies. */
interface EcrmGpp {
  gppString: string;
  sectionList: number[];
  applicableSections: number[];
  parsedSections: Record<string, Record<string, number | boolean | number[]>>;
}

/** The reply to an answer: durable, and provable by its receipt. */
interface EcrmTaken {
  receipt_id: string;
  leaf_index: number;
  permissions: EcrmPermission[];
  answer_due: boolean;
  receipt_url: string;
  gpp?: EcrmGpp;
}

/** Something that happened on the page; it is sent only where that is permitted. */
interface EcrmEvent {
  type: "view" | "search" | "cart" | "purchase" | "return" | "click" | "dismiss";
  event_id?: string;
  item_id?: string;
  at?: string;
  properties?: { query?: string };
  quantity?: number;
  amount_minor?: number;
}

interface Ecrm {
  /** Everything that can be allowed, as last acknowledged, and narrowed by what was said since. */
  readonly permissions: readonly EcrmPermission[];
  /** Whether a purpose, or one channel under it, is allowed now. */
  allowed(purpose: string, channel?: string): boolean;
  /** Open the choices; at one purpose, if it is named. */
  open(purpose?: string): Promise<void>;
  /**
   * Take an answer from a form of your own. It resolves when the answer is durable; a no holds at once, a yes from then
   * on. `tc_string` is what an IAB TCF platform wrote at the same act: kept as evidence, never believed.
   */
  answer(answers: EcrmAnswer[], method?: EcrmMethod, tc_string?: string): Promise<EcrmTaken>;
  /** Note an event. */
  track(event: EcrmEvent): void;
}

interface Window {
  /** There from `/ecrm.js` on; after `/signals.js` alone it has `permissions` only. */
  readonly ecrm: Ecrm;
  /** IAB GPP 1.1, from `/signals.js`. */
  readonly __gpp?: (
    command: string,
    callback: (data: unknown, success: boolean) => void,
    parameter?: unknown,
    version?: string,
  ) => void;
}

declare const ecrm: Ecrm;

interface DocumentEventMap {
  /** At load, and after each change; without `gpp` while an answer waits for its acknowledgement. */
  "ecrm:permissions": CustomEvent<{ permissions: EcrmPermission[]; gpp?: EcrmGpp | null }>;
  /** An answer waits for a connection; until it is acknowledged it is a no. */
  "ecrm:pending": Event;
}

interface HTMLElementTagNameMap {
  /** The question; it comes and goes by itself. */
  "ecrm-banner": HTMLElement;
  /** A slot: `<ecrm-slot name="for-you" limit="4">`. */
  "ecrm-slot": HTMLElement & { load(): Promise<void> };
}
