// Hands the platform to whoever asks for it.
import { createContext, useContext } from "react";
import type { Platform } from "./types";

const Context = createContext<Platform | null>(null);

export const PlatformProvider = Context.Provider;

export function usePlatform(): Platform {
  const platform = useContext(Context);
  if (!platform) throw new Error("there is no PlatformProvider above");
  return platform;
}
