// How the app is built: one page, no inline script or style, so that the daemon's strict CSP holds.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The same files are served by the daemon and by the desktop window, whatever their address.
  base: "./",
  build: {
    target: "es2022",
    // A data: URL in a style sheet would need a wider CSP.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
});
