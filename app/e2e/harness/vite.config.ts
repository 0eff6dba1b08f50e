// Builds the app before a daemon in memory, as the product is built, and the list it is measured beside.
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  publicDir: here("../../public"),
  plugins: [react()],
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, outDir: here("../../dist-harness"), emptyOutDir: true, rollupOptions: { input: [here("index.html"), here("floor.html")] } },
});
