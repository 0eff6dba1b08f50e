// What a row is, in a word and as a picture, by its kind and the ending of its name. The content is
// never looked at: this is a hint for the eye and nothing is opened by it.
import {
  File, FileArchive, FileAudio, FileCode, FileImage, FileSpreadsheet, FileText, FileVideo, Folder, Link2,
} from "lucide-react";
import { memo } from "react";
import type { NodeKind } from "../../bindings/api";
import { extension } from "../../text/names";

const GROUPS = {
  image: "png jpg jpeg gif webp avif bmp svg tif tiff heic ico",
  video: "mp4 mov mkv webm avi m4v",
  audio: "mp3 wav flac ogg m4a aac opus",
  archive: "zip tar gz xz zst bz2 7z rar tgz deb rpm dmg iso",
  code: "rs ts tsx js jsx mjs py go c h cpp hpp java kt swift rb php sh css html xml json toml yaml yml sql lock",
  sheet: "csv tsv xls xlsx ods numbers",
  text: "txt md pdf doc docx odt rtf pages tex log epub",
} as const;

type Group = keyof typeof GROUPS;

const OF = new Map<string, Group>(
  (Object.entries(GROUPS) as [Group, string][]).flatMap(([group, endings]) =>
    endings.split(" ").map((ending): [string, Group] => [ending, group]),
  ),
);

const ICONS = {
  image: FileImage, video: FileVideo, audio: FileAudio, archive: FileArchive, code: FileCode, sheet: FileSpreadsheet, text: FileText, plain: File,
};

/** What its picture is of. */
export type Picture = "folder" | "symlink" | Group | "plain";

export function pictureOf(kind: NodeKind, name: string): Picture {
  return kind === "file" ? (OF.get(extension(name)) ?? "plain") : kind;
}

function IconOf({ picture, size }: { picture: Picture; size: number }) {
  if (picture === "folder") return <Folder size={size} className="kind-folder" fill="currentColor" fillOpacity={0.22} strokeWidth={1.75} aria-hidden />;
  if (picture === "symlink") return <Link2 size={size} className="kind-file" strokeWidth={1.75} aria-hidden />;
  const Icon = ICONS[picture];
  return <Icon size={size} className={`kind-file kind-${picture}`} strokeWidth={1.6} aria-hidden />;
}

export const KindIcon = memo(function KindIcon({ kind, name, size = 16 }: { kind: NodeKind; name: string; size?: number }) {
  return <IconOf picture={pictureOf(kind, name)} size={size} />;
});

/** Every picture once, for rows that copy theirs. */
export const Pictures = memo(function Pictures() {
  return (["folder", "symlink", ...(Object.keys(ICONS) as (keyof typeof ICONS)[])] as const).map((picture) => (
    <span key={picture} data-picture={picture}>
      <IconOf picture={picture} size={16} />
    </span>
  ));
});

const WORDS: Record<string, string> = {
  md: "Markdown", txt: "Text", pdf: "PDF", json: "JSON", csv: "Table", html: "Web page", rs: "Rust", ts: "TypeScript", tsx: "TypeScript",
  js: "JavaScript", py: "Python", sh: "Script", toml: "TOML", yaml: "YAML", yml: "YAML",
};

export function kindWord(kind: NodeKind, name: string): string {
  if (kind === "folder") return "Folder";
  if (kind === "symlink") return "Link";
  const ending = extension(name);
  if (ending === "") return "File";
  return WORDS[ending] ?? (/^[a-z0-9]{1,6}$/.test(ending) ? ending.toUpperCase() : "File");
}
