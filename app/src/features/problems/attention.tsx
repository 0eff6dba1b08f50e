// What waits for a person: things that could not be done, with the reason, and files that were changed
// in two ways at once.
import { AlertTriangle, GitFork, ThumbsUp } from "lucide-react";
import { useConflicts, useProblems } from "../../query/queries";
import { spoken } from "../../text/names";
import { quoted } from "../../text/words";
import { Empty, Failed, Page, Section, Tag, Waiting } from "../../ui/view";

const KINDS: Record<string, string> = {
  content: "edited twice",
  moved_apart: "moved to two places",
  renamed_apart: "renamed twice",
  same_name: "one name, two files",
  cycle: "folders moved into each other",
  deleted_and_edited: "deleted and edited",
  deleted_around: "its folder was deleted",
};

export function AttentionPage({ drive }: { drive: string }) {
  const problems = useProblems(drive);
  const conflicts = useConflicts(drive);
  const waits = problems.data?.length ?? 0;
  const met = conflicts.data?.length ?? 0;
  return (
    <Page title="Attention" about="What waits, and why. Everything else goes on meanwhile.">
      {problems.error && <Failed error={problems.error} retry={() => void problems.refetch()} />}
      {conflicts.error && <Failed error={conflicts.error} retry={() => void conflicts.refetch()} />}
      {(problems.isPending || conflicts.isPending) && <Waiting />}
      {problems.data && conflicts.data && waits + met === 0 && (
        <Empty icon={<ThumbsUp size={24} />} title="Nothing needs you">
          No file has two versions, and nothing failed to be written here.
        </Empty>
      )}
      {waits > 0 && (
        <Section title="Waiting" about="Each is tried again by itself.">
          <ul className="card">
            {problems.data?.map((problem, at) => (
              <li key={at} className="item">
                <AlertTriangle size={18} className="mark-warn" aria-hidden />
                <div className="item-main">
                  <p className="item-title">{problem.path === null ? "The drive" : spoken(problem.path)}</p>
                  <p>{quoted(spoken(problem.reason))}</p>
                  <p className="item-about">{quoted(spoken(problem.hint))}</p>
                </div>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {met > 0 && (
        <Section title="Conflicts" about="All versions are kept, beside each other.">
          <ul className="card">
            {conflicts.data?.map((conflict, at) => (
              <li key={at} className="item">
                <GitFork size={18} className="mark-warn" aria-hidden />
                <div className="item-main">
                  <p className="item-title">
                    <span className="cell-text">{spoken(conflict.path)}</span>
                    <Tag tone="warn">{KINDS[conflict.kind] ?? conflict.kind}</Tag>
                  </p>
                  <p className="muted">{quoted(spoken(conflict.reason))}</p>
                </div>
              </li>
            ))}
          </ul>
        </Section>
      )}
    </Page>
  );
}
