import { describe, expect, it } from "vitest";
import type { Run } from "./pages";
import { PAGE, Pages } from "./pages";

interface Row {
  id: string;
}

class Shelf {
  asked: number[] = [];
  revision = "1";
  rows: Row[];
  hold: (() => void)[] | null = null;

  constructor(length: number) {
    this.rows = Array.from({ length }, (_, at) => ({ id: `n${at}` }));
  }

  source = async (offset: number, limit: number, signal: AbortSignal): Promise<Run<Row>> => {
    this.asked.push(offset);
    const { hold } = this;
    if (hold) await new Promise<void>((resolve) => hold.push(resolve));
    signal.throwIfAborted();
    return { total: this.rows.length, revision: this.revision, rows: this.rows.slice(offset, offset + limit), about: null };
  };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("pages", () => {
  it("of 100,000 rows only those in sight are fetched", async () => {
    const shelf = new Shelf(100_000);
    const pages = new Pages(shelf.source);
    pages.want(0, 30);
    await settled();
    expect(pages.total).toBe(100_000);
    pages.want(50_000, 50_030);
    await settled();
    expect(shelf.asked).toEqual([0, 50_000]);
    expect(pages.at(50_007)?.id).toBe("n50007");
    expect(pages.at(20_000)).toBeUndefined();
  });

  it("what was scrolled past is not waited for", async () => {
    const shelf = new Shelf(100_000);
    const pages = new Pages(shelf.source);
    pages.want(0, 30);
    await settled();
    shelf.hold = [];
    for (let at = 1_000; at < 90_000; at += 1_000) pages.want(at, at + 30);
    const waiting = shelf.hold;
    shelf.hold = null;
    pages.want(90_000, 90_030);
    waiting.forEach((go) => go());
    await settled();
    expect(pages.at(90_000)?.id).toBe("n90000");
    expect(pages.at(5_000)).toBeUndefined();
  });

  it("a change keeps the old rows on the screen until the new ones are here", async () => {
    const shelf = new Shelf(500);
    const pages = new Pages(shelf.source);
    pages.want(0, 30);
    await settled();
    shelf.rows = [{ id: "new" }, ...shelf.rows];
    shelf.revision = "2";
    pages.refresh();
    expect(pages.at(0)?.id).toBe("n0");
    await settled();
    expect(pages.at(0)?.id).toBe("new");
    expect(pages.total).toBe(501);
  });

  it("changes that come faster than answers starve nobody, and are one more request for each answer", async () => {
    const shelf = new Shelf(500);
    const pages = new Pages(shelf.source);
    pages.want(0, 30);
    shelf.hold = [];
    await settled();
    pages.refresh();
    for (let change = 0; change < 20; change += 1) {
      shelf.rows = [{ id: `change ${change}` }, ...shelf.rows];
      pages.refresh();
    }
    // The second was under way before the changes came.
    expect(shelf.asked).toEqual([0, 0]);
    shelf.hold.shift()?.();
    await settled();
    expect(pages.at(0)?.id).toBe("change 19");
    expect(shelf.asked).toEqual([0, 0, 0]);
    shelf.hold.shift()?.();
    await settled();
    expect(shelf.asked).toEqual([0, 0, 0]);
  });

  it("a page of an older revision is fetched again when it comes into sight", async () => {
    const shelf = new Shelf(500);
    const pages = new Pages(shelf.source);
    pages.want(0, 30);
    await settled();
    shelf.rows = shelf.rows.slice(1);
    shelf.revision = "2";
    pages.want(PAGE, PAGE + 30);
    await settled();
    pages.want(0, 30);
    await settled();
    expect(pages.at(0)?.id).toBe("n1");
  });

  it("a list that shrinks ends where it ends", async () => {
    const shelf = new Shelf(1_000);
    const pages = new Pages(shelf.source);
    pages.want(0, 30);
    await settled();
    pages.want(900, 930);
    await settled();
    shelf.rows = shelf.rows.slice(0, 10);
    shelf.revision = "2";
    pages.refresh();
    await settled();
    await settled();
    expect(pages.total).toBe(10);
    expect(pages.at(905)).toBeUndefined();
    expect(pages.at(9)?.id).toBe("n9");
  });

  it("a row is changed ahead of its answer, and found", async () => {
    const pages = new Pages<Row & { name?: string }>(new Shelf(300).source);
    pages.want(0, 30);
    await settled();
    pages.want(0, 300);
    await settled();
    pages.patch("n250", (row) => ({ ...row, name: "b" }));
    expect(pages.at(250)?.name).toBe("b");
    expect(pages.indexOf("n250")).toBe(250);
  });

  it("a range is complete though only a part was in sight", async () => {
    const pages = new Pages(new Shelf(1_234).source);
    pages.want(0, 30);
    await settled();
    const rows = await pages.range(10, 1_233, new AbortController().signal);
    expect(rows.length).toBe(1_224);
    expect(rows.at(-1)?.id).toBe("n1233");
  });

  it("a failure is told, and asked again only by a refresh, however often one looks", async () => {
    let fails = true;
    let tried = 0;
    const shelf = new Shelf(10);
    const pages = new Pages<Row>((...asked) => {
      tried += 1;
      return fails ? Promise.reject(new Error("gone")) : shelf.source(...asked);
    });
    // As a view does: every change is shown, and what is shown is wanted.
    pages.subscribe(() => pages.want(0, 30));
    pages.want(0, 30);
    await settled();
    expect(pages.error).toBeInstanceOf(Error);
    expect(tried).toBe(1);
    fails = false;
    pages.refresh();
    await settled();
    expect([pages.error, pages.total, tried]).toEqual([null, 10, 2]);
  });

  it("rows that failed are told of though others came, and those stay", async () => {
    const shelf = new Shelf(1_000);
    let broken = true;
    const pages = new Pages<Row>((offset, ...rest) => (broken && offset === PAGE ? Promise.reject(new Error("gone")) : shelf.source(offset, ...rest)));
    pages.want(0, 30);
    await settled();
    pages.want(PAGE - 10, PAGE * 2 + 10);
    await settled();
    expect(pages.error).toBeInstanceOf(Error);
    expect([pages.at(0)?.id, pages.at(PAGE), pages.at(PAGE * 2)?.id]).toEqual(["n0", undefined, "n400"]);
    broken = false;
    pages.refresh();
    await settled();
    expect([pages.error, pages.at(PAGE)?.id]).toEqual([null, "n200"]);
  });

  it("a refresh while a request fails is one more attempt", async () => {
    const shelf = new Shelf(10);
    let refuse: ((error: Error) => void) | null = null;
    const pages = new Pages<Row>((...asked) => (refuse ? shelf.source(...asked) : new Promise((_, reject) => { refuse = reject; })));
    pages.want(0, 30);
    pages.refresh();
    (refuse as unknown as (error: Error) => void)(new Error("gone"));
    await settled();
    expect([pages.error, pages.total]).toEqual([null, 10]);
  });

  it("rows that were missing are told apart from any other change of the list", async () => {
    const shelf = new Shelf(1_000);
    const pages = new Pages(shelf.source);
    const told: string[] = [];
    pages.subscribe((what) => told.push(what));
    pages.want(0, 30);
    await settled();
    pages.want(500, 530);
    await settled();
    expect(told).toEqual(["list", "rows"]);
    pages.refresh();
    await settled();
    expect(told.slice(2)).not.toContain("rows");
    told.length = 0;
    shelf.rows.push({ id: "new" });
    shelf.revision = "2";
    pages.want(800, 830);
    await settled();
    expect(told[0]).toBe("list");
  });

  it("what was here before the list changed is not surely there, until it is fetched anew", async () => {
    const shelf = new Shelf(1_000);
    const pages = new Pages(shelf.source);
    pages.want(0, 1);
    await settled();
    pages.want(800, 801);
    await settled();
    expect([pages.has("n5"), [...pages.ids()].length]).toEqual([true, 2 * PAGE]);
    shelf.rows.unshift({ id: "new" });
    shelf.revision = "2";
    pages.refresh();
    await settled();
    expect([pages.has("n5"), pages.indexOf("n5"), pages.has("n805")]).toEqual([false, 5, true]);
    await pages.reach(6, new AbortController().signal);
    expect([pages.has("n5"), pages.indexOf("n5")]).toEqual([true, 6]);
    const asked = shelf.asked.length;
    await pages.reach(6, new AbortController().signal);
    expect(shelf.asked.length).toBe(asked);
  });
});
