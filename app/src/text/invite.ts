// An invite as a link, so that opening it opens PeerDrive. The ticket is in the fragment: should a link
// ever reach a web server, that part does not. Pure.

const LINK = "peerdrive://join#";

export function linkOf(ticket: string): string {
  return LINK + ticket;
}

/** The ticket in what was pasted: a link or the text alone, broken into lines or not. */
export function ticketOf(text: string): string {
  return text.replace(/\s+/g, "").replace(/^peerdrive:(?:\/\/)?join\/?#/i, "");
}
