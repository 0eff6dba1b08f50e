// Who may be in a drive and do what, decided in a browser and enforced by real daemons: roles, invites
// that are taken back, and people who are let in once their words were compared.
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { clean, faults, lab, lacking, options, pair, row, tab } from "./daemons.mjs";

let ana, hers, his, drive;

before(async () => {
  if (lacking) return;
  ({ ana, hers, his, drive } = await pair((folder) => writeFileSync(join(folder, "plan.md"), "# The plan\n")));
});

const member = (page, name) => page.locator("li.item").filter({ hasText: name });

test("somebody's role is changed, which they see and are held to at once, and changed back", options, async () => {
  await hers.bringToFront();
  await hers.getByRole("link", { name: "People" }).click();
  const become = async (role) => {
    await hers.getByRole("button", { name: "Role and removal of Ben" }).click();
    await hers.getByRole("menuitemradio", { name: role }).click();
    await hers.getByText(`Ben is now ${role.toLowerCase()}.`).waitFor();
    await member(hers, "Ben").getByText(role, { exact: true }).waitFor();
  };
  await his.getByRole("button", { name: /New folder/ }).waitFor();
  await become("Reader");
  await his.bringToFront();
  await his.getByText("read only").waitFor();
  await his.getByRole("button", { name: /New folder/ }).waitFor({ state: "detached" });
  await row(his, "plan.md").click();
  await his.keyboard.press("F2");
  assert.equal(await his.locator(".rename-field").count(), 0);
  await hers.bringToFront();
  await become("Writer");
  await his.bringToFront();
  await his.getByRole("button", { name: /New folder/ }).waitFor();
  await row(his, "plan.md").click();
  await his.keyboard.press("F2");
  await his.getByLabel("New name for plan.md").fill("agenda.md");
  await his.keyboard.press("Enter");
  await hers.bringToFront();
  await hers.getByRole("link", { name: "Files" }).click();
  await row(hers, "agenda.md").waitFor();
  assert.deepEqual(faults, []);
});

test("an invite that is taken back lets nobody in, and is listed as that", options, async () => {
  await hers.getByRole("button", { name: "Invite", exact: true }).click();
  await hers.getByLabel("Valid for").selectOption({ label: "1 hour" });
  await hers.getByLabel("Lets in").selectOption({ label: "5 devices" });
  await hers.getByRole("button", { name: "Make invite" }).click();
  const link = await hers.getByLabel("Invite as a link").inputValue();
  await hers.getByText(/lets in 5 devices and ends in/).waitFor();
  await hers.getByRole("button", { name: "Done" }).click();
  await hers.getByRole("link", { name: "People" }).click();
  await hers.getByText("0 of 5 uses").waitFor();
  await hers.getByRole("button", { name: "Take back" }).click();
  await hers.getByText("The invite is taken back.").waitFor();
  await hers.getByText("No invite is open.").waitFor();
  await hers.getByRole("button", { name: /Show \d earlier invites?/ }).click();
  await hers.locator(".item").filter({ hasText: "0 of 5 uses" }).getByText("taken back", { exact: true }).waitFor();
  await clean(hers, "an invite that was taken back");

  const eve = lab.device("Eve");
  const page = await tab();
  await page.goto(await eve.address());
  await page.getByText("Join with an invite").click();
  await page.getByLabel("Invite", { exact: true }).fill(link);
  await page.getByLabel("Folder on this machine").fill(lab.folder("eve"));
  await page.getByRole("button", { name: "Join", exact: true }).click();
  const refusal = page.getByRole("alert");
  await refusal.waitFor({ timeout: 60_000 });
  assert.match(await refusal.textContent(), /invite|ticket/i);
  await clean(page, "a join that was refused");
  assert.equal((await eve.run("status")).drives?.length ?? 0, 0);
  await page.close();
  await eve.stop();
});

test("an invite of the app is one for the command line too, and the other way round", options, async () => {
  await hers.bringToFront();
  await hers.getByRole("button", { name: "Invite", exact: true }).click();
  await hers.getByRole("button", { name: "Make invite" }).click();
  const link = await hers.getByLabel("Invite as a link").inputValue();
  await hers.getByRole("button", { name: "Done" }).click();
  const gus = lab.device("Gus");
  await gus.run("join", link, lab.path("gus"), "--wait");
  assert.ok(existsSync(lab.path("gus", "agenda.md")));
  await gus.stop();

  const made = await ana.run("invite", drive, "--role", "reader", "--uses", "2");
  for (const [name, text] of [["Hal", made.ticket], ["Ida", made.link]]) {
    const device = lab.device(name);
    const page = await tab();
    await page.goto(await device.address());
    await page.getByText("Join with an invite").click();
    // As mail programs break it.
    await page.getByLabel("Invite", { exact: true }).fill(`${text.slice(0, 70)}\n  ${text.slice(70)}\n`);
    await page.getByLabel("Folder on this machine").fill(lab.folder(name.toLowerCase()));
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await row(page, "agenda.md").waitFor();
    await page.close();
    await device.stop();
  }
});

test("an admin is let in once both have compared six words; a window that waits no longer loses nothing", options, async () => {
  await hers.bringToFront();
  await hers.getByRole("button", { name: "Invite", exact: true }).click();
  await hers.getByLabel("They can be").selectOption({ label: "Admin – changes files, invites and removes people" });
  await hers.getByRole("button", { name: "Make invite" }).click();
  const link = await hers.getByLabel("Invite as a link").inputValue();
  await hers.getByRole("button", { name: "Done" }).click();

  const dora = lab.device("Dora");
  const page = await tab();
  await page.goto(await dora.address());
  await page.getByText("Join with an invite").click();
  await page.getByLabel("Invite", { exact: true }).fill(link);
  await page.getByLabel("Folder on this machine").fill(lab.folder("dora"));
  await page.getByRole("button", { name: "Join", exact: true }).click();
  const six = page.locator(".begin-six");
  await six.waitFor();
  const words = (await six.textContent()).trim();
  assert.equal(words.split(/\s+/).length, 6);
  await clean(page, "six words");
  await page.getByRole("button", { name: "Do not wait" }).click();
  await page.getByText("PeerDrive goes on with it").waitFor();

  await hers.bringToFront();
  const waiting = hers.locator(".item").filter({ hasText: "Dora" });
  await waiting.getByText(words).waitFor();
  await clean(hers, "somebody who waits");
  await waiting.getByRole("button", { name: "The words match" }).click();
  await waiting.getByText(words).waitFor({ state: "detached" });
  await member(hers, "Dora").getByText("Admin", { exact: true }).waitFor();
  await page.bringToFront();
  await row(page, "agenda.md").waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Invite", exact: true }).waitFor();
  await page.close();
});

test("whoever is turned away does not come in and is told so", options, async () => {
  await hers.getByRole("link", { name: "People" }).click();
  const { ticket } = await ana.run("invite", drive, "--role", "writer", "--approve");
  const finn = lab.device("Finn");
  const page = await tab();
  await page.goto(await finn.address());
  await page.getByText("Join with an invite").click();
  await page.getByLabel("Invite", { exact: true }).fill(ticket);
  await page.getByLabel("Folder on this machine").fill(lab.folder("finn"));
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.locator(".begin-six").waitFor();
  await hers.bringToFront();
  await hers.locator(".item").filter({ hasText: "Finn" }).getByRole("button", { name: "Turn away" }).click();
  await page.bringToFront();
  await page.getByRole("alert").waitFor({ timeout: 60_000 });
  assert.equal(await page.locator(".begin-six").count(), 0, "words that nobody compares any more are gone");
  assert.equal(await member(hers, "Finn").count(), 0);
  assert.deepEqual(faults, []);
});
