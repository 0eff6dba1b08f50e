// What a search found, best first, as a list to walk through.
import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
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
  // Other words begin with their best match.
  const [chosenOf, setChosenOf] = useState(wanted);
  if (chosenOf !== wanted) {
    setChosenOf(wanted);
    setAt(0);
  }
  const client = useQueryClient();
  const search = (text: string) =>
    queryOptions({
      queryKey: ["drive", drive, "search", text],
      queryFn: ({ signal }) => platform.call("search", { drive, text, limit: 200 }, { signal }),
      gcTime: 10_000,
      staleTime: 2_000,
    });
  const found = useQuery({ ...search(wanted), placeholderData: (before) => before });
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
            // What is shown may still be the answer to the first letters: who types on means what they typed.
            const asked = text.trim();
            const shown = wanted === asked && !found.isPlaceholderData;
            const hits = shown ? Promise.resolve(found.data?.hits ?? []) : client.query(search(asked)).then((reply) => reply.hits);
            void hits.then(
              (hits) => {
                const hit = hits[shown ? line : 0];
                if (hit) onChoose(hit);
              },
              () => undefined, // The failure is shown where the results would be.
            );
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
