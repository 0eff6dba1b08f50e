// No accessibility violation in any view, light and dark, before a daemon in memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VIEWS } from "./every-view.mjs";
import { faults, open, options, page, violations } from "./views.mjs";

for (const scheme of ["light", "dark"]) {
  for (const [name, where, act] of VIEWS) {
    test(`axe finds nothing in ${name}, ${scheme}`, options, async () => {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await open(where);
      await act?.(page);
      await page.waitForTimeout(150);
      assert.deepEqual(await violations(), []);
      assert.deepEqual(faults, []);
    });
  }
}
