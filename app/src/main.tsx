// Where the app begins: finds out where it runs.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { applyTheme } from "./design/theme";
import { signIn, web } from "./platform/web";

async function platform() {
  // Tauri's code is fetched in its window alone.
  if ("__TAURI_INTERNALS__" in window) return (await import("./platform/tauri")).tauri;
  await signIn();
  return web;
}

applyTheme();
const root = document.getElementById("root");
if (root) {
  const found = await platform();
  createRoot(root).render(
    <StrictMode>
      <App platform={found} />
    </StrictMode>,
  );
}
