// The app: what everything below stands on.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { refuseFiles } from "./features/shell/refuse-files";
import { Shell } from "./features/shell/shell";
import { NewsProvider } from "./live/news";
import { PlatformProvider } from "./platform/context";
import type { Platform } from "./platform/types";
import { CallError } from "./platform/types";
import { Toasts } from "./ui/toast";
import "./design/tokens.css";
import "./design/base.css";

export function App({ platform }: { platform: Platform }) {
  const [queries] = useState(
    () =>
      new QueryClient({
        defaultOptions: {
          queries: {
            // News say when an answer is old.
            staleTime: Infinity,
            refetchOnWindowFocus: false,
            retry: (failures, error) => failures < 2 && error instanceof CallError && error.retryable,
            retryDelay: 400,
            networkMode: "always",
          },
          mutations: { networkMode: "always" },
        },
      }),
  );
  useEffect(refuseFiles, []);
  return (
    <PlatformProvider value={platform}>
      <QueryClientProvider client={queries}>
        <NewsProvider>
          <Shell />
          <Toasts />
        </NewsProvider>
      </QueryClientProvider>
    </PlatformProvider>
  );
}
