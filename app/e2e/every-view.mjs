// Every view and how a person comes to it: name, address, and what is done there. Looked at by axe in
// `views.axe.test.mjs` and by people in the pictures of `shots.mjs`.
const row = (page, name) => page.getByRole("row").filter({ hasText: name });
const said = (page, words) => page.getByText(words).first().waitFor();

/** Keys go to the rows once these are there. */
const rows = (page) => page.locator(".grid-space [role=row]").first().waitFor().then(() => page.getByRole("treegrid").focus());

export async function join(page, ticket, path) {
  await page.getByText("Join with an invite").click();
  await page.getByLabel("Invite", { exact: true }).fill(ticket);
  await page.getByLabel("Folder on this machine").fill(path);
  await page.getByRole("button", { name: "Join", exact: true }).click();
}

export const VIEWS = [
  ["first-run", "?empty"],
  ["first-run-joining", "?empty", (page) => page.getByText("Join with an invite").click()],
  ["files", "", async (page) => { await rows(page); await page.keyboard.press("ArrowDown"); }],
  ["tree", "", async (page) => {
    await rows(page);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowRight");
    await row(page, "logo.png").waitFor();
    await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Shift+ArrowDown");
  }],
  ["empty-folder", "", async (page) => { await row(page, "Contracts").dblclick(); await said(page, "This folder is empty"); }],
  ["preview", "", async (page) => { await row(page, "launch plan final").click(); await page.keyboard.press("Space"); await page.locator("pre").waitFor(); }],
  ["picture", "", async (page) => { await row(page, "cover.png").click(); await page.keyboard.press("Space"); await page.locator(".preview img").waitFor(); }],
  ["search", "", async (page) => { await rows(page); await page.keyboard.press("/"); await page.keyboard.type("la"); await page.getByRole("option").first().waitFor(); }],
  ["search-nothing", "", async (page) => { await rows(page); await page.keyboard.press("/"); await page.keyboard.type("zzz"); await said(page, "Nothing found"); }],
  ["rename", "", async (page) => { await row(page, "README").click(); await page.keyboard.press("F2"); }],
  ["menu", "", (page) => row(page, "server.rs").click({ button: "right" })],
  ["versions", "", async (page) => { await row(page, "launch plan final").click(); await page.keyboard.press("Control+h"); await page.getByRole("list", { name: "Versions" }).waitFor(); }],
  ["delete", "", async (page) => { await row(page, "README").click(); await page.keyboard.press("Delete"); }],
  ["deleted", "", async (page) => { await row(page, "README").click(); await page.keyboard.press("Delete"); await page.keyboard.press("Enter"); await said(page, "Deleted “README”"); }],
  ["move", "", async (page) => { await row(page, "README").click(); await page.keyboard.press("Control+m"); await page.locator(".move-row").first().waitFor(); }],
  ["keys", "", async (page) => { await rows(page); await page.keyboard.press("?"); await page.getByRole("dialog").waitFor(); }],
  ["invite", "", (page) => page.getByRole("button", { name: "Invite", exact: true }).click()],
  ["invite-made", "", async (page) => {
    await page.getByRole("button", { name: "Invite", exact: true }).click();
    await page.getByRole("button", { name: "Make invite" }).click();
    await page.locator(".qr").waitFor();
  }],
  ["people", "#/d/drive-1/people"],
  ["role", "#/d/drive-1/people", async (page) => { await page.getByRole("button", { name: /Role and removal of Ben/ }).click(); await page.getByRole("menu").waitFor(); }],
  ["remove", "#/d/drive-1/people", async (page) => {
    await page.getByRole("button", { name: /Role and removal of Ben/ }).click();
    await page.getByText("Remove from the drive").click();
  }],
  ["somebody-waits", "?waiting#/d/drive-1/people", (page) => said(page, "Dana Cruz")],
  ["activity", "#/d/drive-1/activity"],
  ["activity-none", "?many=3#/d/drive-1/activity"],
  ["trash", "#/d/drive-1/trash", (page) => said(page, "old drafts")],
  ["trash-none", "?many=3#/d/drive-1/trash", (page) => said(page, "Nothing in the trash")],
  ["attention", "#/d/drive-1/attention"],
  ["attention-none", "?many=3#/d/drive-1/attention"],
  ["transfers", "#/transfers"],
  ["adding", "?upload=60000", async (page) => {
    await page.locator('input[type="file"]').setInputFiles([
      { name: "a film.mp4", mimeType: "video/mp4", buffer: Buffer.alloc(2_000_000) },
      { name: `${"a very long name ".repeat(12)}.mp4`, mimeType: "video/mp4", buffer: Buffer.alloc(1_000_000) },
    ]);
    await page.getByRole("link", { name: "Transfers" }).click();
    await said(page, "a film.mp4");
  }],
  ["transfers-none", "?many=3#/transfers"],
  ["reader", "?role=reader", async (page) => { await rows(page); await page.keyboard.press("ArrowDown"); }],
  ["removed", "?role=none"],
  ["gone", "", async (page) => { await page.evaluate(() => window.daemon.break()); await said(page, "PeerDrive does not answer."); }],
  ["signed-out", "?signedout"],
  ["sharing-later", "", async (page) => { await page.getByRole("button", { name: "Share a folder" }).click(); await page.getByRole("dialog").waitFor(); }],
  ["phrase", "#/d/drive-1/people", async (page) => { await page.getByRole("button", { name: "Show recovery phrase" }).click(); await said(page, "Write these 24 words"); }],
  ["joining-later", "", async (page) => { await page.getByRole("button", { name: "Join a drive with an invite" }).click(); await page.getByRole("dialog").waitFor(); }],
  ["six-words", "?empty&words", async (page) => { await join(page, "pd1abc", "/home/ana"); await said(page, "amber lake orbit"); }],
  ["waits-no-longer", "?empty&words", async (page) => {
    await join(page, "pd1abc", "/home/ana");
    await page.getByRole("button", { name: "Do not wait" }).click();
    await said(page, "This window waits no longer");
  }],
  ["folder-waits", "?slow=folder", (page) => said(page, "Still waiting")],
  ["people-wait", "?slow=members#/d/drive-1/people", (page) => said(page, "Still waiting")],
  ["folder-fails", "?fail=folder", (page) => said(page, "The disk does not answer.")],
  ["people-fail", "?fail=members#/d/drive-1/people", (page) => said(page, "The disk does not answer.")],
  ["drives-fail", "?fail=drives", (page) => said(page, "The disk does not answer.")],
  ["sharing-fails", "?empty&fail=share", async (page) => {
    await page.getByText("Share a folder").click();
    await page.getByLabel("Folder on this machine").fill("/home/ana/Studio");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
  }],
  ["long-selection", "?many=100000", async (page) => { await rows(page); await page.keyboard.press("Control+a"); await said(page, "100,000 of 100,000"); }],
];
