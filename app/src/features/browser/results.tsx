// What a search found, best first, as a list to walk through.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useDeferredValue, useState } from "react";
import type { Hit } from "../../bindings/api";
import { usePlatform } from "../../platform/context";
import { bytes, count } from "../../text/format";
import { spoken } from "../../text/names";
import { Name } from "../../ui/name";
import { Failed } from "../../ui/view";
import { KindIcon } from "./kinds";

interface ResultsProps {
  drive: string;
  text: string;
  empty: ReactNode;
  onChoose: (hit: Hit) => void;
  onLeave: () => void;
}

export function Results({ drive, text, empty, onChoose, onLeave }: ResultsProps) {
  const platform = usePlatform();
  const wanted = useDeferredValue(text.trim());
  const [at, setAt] = useState(0);
  const found = useQuery({
    queryKey: ["drive", drive, "search", wanted],
    queryFn: ({ signal }) => platform.call("search", { drive, text: wanted, limit: 200 }, { signal }),
    placeholderData: (before) => before,
    gcTime: 10_000,
    staleTime: 2_000,
  });
  if (found.error) return <Failed error={found.error} retry={() => void found.refetch()} />;
  const hits = found.data?.hits ?? [];
  const line = Math.min(at, hits.length - 1);
  if (found.data && hits.length === 0) return <div className="browser-state">{empty}</div>;
  return (
    <div className="results">
      <p className="results-count faint" role="status">
        {found.data ? (found.data.total > hits.length ? `${hits.length} best of ${count(found.data.total, "match", "matches")}` : count(found.data.total, "match", "matches")) : ""}
      </p>
      <div
        className="results-list"
        role="listbox"
        tabIndex={0}
        data-results=""
        aria-label="Search results"
        aria-activedescendant={hits.length > 0 ? `hit-${line}` : undefined}
        onKeyDown={(event) => {
          const go = (to: number): void => {
            event.preventDefault();
            const next = Math.max(0, Math.min(to, hits.length - 1));
            setAt(next);
            document.getElementById(`hit-${next}`)?.scrollIntoView({ block: "nearest" });
          };
          if (event.key === "ArrowDown") go(line + 1);
          else if (event.key === "ArrowUp") go(line - 1);
          else if (event.key === "Home") go(0);
          else if (event.key === "End") go(hits.length - 1);
          else if (event.key === "Enter") {
            const hit = hits[line];
            if (hit) onChoose(hit);
          } else if (event.key === "Escape") onLeave();
        }}
      >
        {hits.map((hit, index) => (
          <div
            key={hit.row.id}
            id={`hit-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === line}
            className={index === line ? "hit hit-current" : "hit"}
            onClick={() => onChoose(hit)}
            onKeyDown={undefined}
          >
            <KindIcon kind={hit.row.kind} name={hit.row.name} />
            <Name name={hit.row.name} />
            <span className="hit-below faint">{hit.below === "" ? "in the top folder" : spoken(hit.below)}</span>
            <span className="hit-size faint numeric">{hit.row.kind === "file" ? bytes(hit.row.size) : ""}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
