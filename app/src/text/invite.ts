// An invite as somebody pasted or opened it. Pure, and no judge of it: the daemon takes links and tickets.

/** What was pasted, whole again where it was broken into lines. Links of an older app held a whole ticket
 * after theirs. */
export function ticketOf(text: string): string {
  return text.replace(/\s+/g, "").replace(/^peerdrive:\/\/join\/?#(?=peerdrive:)/i, "");
}
