// Written by a test of crates/api from its types; not to be edited. `cargo nextest run --workspace
// -E 'test(bindings)'` writes it anew.

/**
 * What one member did at one time.
 */
export type Activity = { 
/**
 * Its number: grows with time.
 */
number: number, 
/**
 * When this device heard of it.
 */
at: number, 
/**
 * Who.
 */
who: Who, 
/**
 * What, at most 32 changes.
 */
changes: Array<Change>, 
/**
 * How many changes there were.
 */
count: number, };

/**
 * Who did what lately.
 */
export type ActivityReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * The newest first.
 */
items: Array<Activity>, 
/**
 * Whether there is more before the last of them.
 */
more: boolean, };

/**
 * Asks who did what lately. It is known since the daemon started.
 */
export type ActivityRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * Only what is before this number; the newest unless given.
 */
before?: number | null, 
/**
 * Most wanted; more than 200 are given as 200.
 */
limit: number, };

/**
 * Where this device can be reached now.
 */
export type AddressReply = { 
/**
 * As a text to hand on. It grants nothing.
 */
address: string, };

/**
 * Asks where this device can be reached.
 */
export type AddressRequest = Record<symbol, never>;

/**
 * What a failed command tells a person and a program.
 */
export type ApiError = { 
/**
 * What kind of failure, for programs.
 */
code: Code, 
/**
 * What happened, and to what. One sentence or two, no secrets.
 */
message: string, 
/**
 * What to do next, when something can be done.
 */
hint: string | null, 
/**
 * Whether the same command may succeed later without anything being changed.
 */
retryable: boolean, };

/**
 * One line of a history: JSON text whose bytes count, without its line end.
 */
export type AuditLine = string;

/**
 * The history is told in full.
 */
export type AuditReply = { 
/**
 * The drive's id: who checks the history must know it.
 */
drive: string, 
/**
 * How many entries it has.
 */
entries: number, };

/**
 * Asks for a drive's signed history.
 */
export type AuditRequest = { 
/**
 * Id or unique name of the drive.
 */
drive: string, };

/**
 * The backup is written.
 */
export type BackupReply = { 
/**
 * The file.
 */
path: string, 
/**
 * How many drives it brings back.
 */
drives: number, };

/**
 * Writes a backup of who this device is.
 */
export type BackupRequest = { 
/**
 * What the backup is sealed under.
 */
passphrase: TicketText, 
/**
 * The file to make.
 */
out: string, };

/**
 * A drive that cannot be opened; the others go on.
 */
export type BrokenDrive = { 
/**
 * Its id.
 */
id: string, 
/**
 * Why, and what to do.
 */
reason: string, };

/**
 * The file is read to its end.
 */
export type CatReply = { 
/**
 * How many bytes it has.
 */
size: number, };

/**
 * Reads a file of a drive.
 */
export type CatRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The file.
 */
path: string, };

/**
 * One change of what a drive shows.
 */
export type Change = { 
/**
 * What was done.
 */
what: ChangeKind, 
/**
 * To which node.
 */
node: string, 
/**
 * The folder it is in, or was in before it was deleted.
 */
folder: string, 
/**
 * Its path now, or before it was deleted.
 */
path: string, 
/**
 * The path it had before it was moved or renamed.
 */
from?: string, };

/**
 * What was done.
 */
export type ChangeKind = "created" | "edited" | "renamed" | "moved" | "attributes" | "deleted" | "conflict" | "settled";

/**
 * What came of it, each node for itself.
 */
export type ChangeReply = { 
/**
 * How many were done.
 */
done: number, 
/**
 * Those that were not, and why.
 */
refused: Array<Refused>, };

/**
 * A run of a file's bytes, in order from its beginning.
 */
export type Chunk = { 
/**
 * The bytes in base64.
 */
data: string, };

/**
 * Kinds of failure. The names on the wire are for programs and never change.
 */
export type Code = "bad_request" | "bad_name" | "bad_ticket" | "ambiguous_drive" | "ambiguous_member" | "unknown_command" | "drive_not_found" | "folder_not_found" | "path_not_found" | "phrase_gone" | "member_not_found" | "node_not_found" | "not_mounted" | "already_shared" | "already_joined" | "folder_in_use" | "mount_point_in_use" | "name_taken" | "only_here" | "not_allowed" | "invite_refused" | "locked" | "settings_differ" | "bad_token" | "foreign_origin" | "wrong_host" | "daemon_running" | "daemon_unavailable" | "no_peer" | "timed_out" | "mount_unavailable" | "disk_full" | "newer_format" | "damaged" | "io" | "failed";

/**
 * What was removed.
 */
export type CollectReply = { 
/**
 * Parts of files that are gone.
 */
blobs: number, 
/**
 * Bytes that the disk has more.
 */
bytes: number, 
/**
 * Parts of files that are left.
 */
left: number, };

/**
 * Removes from this device what no drive needs any more.
 */
export type CollectRequest = Record<symbol, never>;

/**
 * What this device keeps of a drive.
 */
export type ConfigReply = { 
/**
 * Bytes that the cache may take.
 */
cache: number, 
/**
 * Whether that follows from the size of the drive.
 */
cache_by_size: boolean, 
/**
 * Days for which what was replaced or deleted is kept.
 */
keep_days: number, 
/**
 * Versions of a file that are kept however old they are.
 */
keep_versions: number, 
/**
 * Patterns in gitignore syntax that the folder here leaves alone.
 */
ignore: Array<string>, 
/**
 * Whether symlinks of others that lead out of the folder are made in it.
 */
outside_links: boolean, };

/**
 * Reads, or changes, what this device keeps of a drive; what is absent stays as it is.
 */
export type ConfigRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * Bytes that the cache may take; 0 for the larger of 1 GiB and 5 % of the drive.
 */
cache: number | null, 
/**
 * Days for which what was replaced or deleted is kept.
 */
keep_days: number | null, 
/**
 * Versions of a file that are kept however old they are.
 */
keep_versions: number | null, 
/**
 * Patterns in gitignore syntax to add to those that the folder here leaves alone.
 */
ignore: Array<string> | null, 
/**
 * Patterns to strike from them.
 */
no_ignore: Array<string> | null, 
/**
 * Whether symlinks of others that lead out of the folder are made in it.
 */
outside_links: boolean | null, };

/**
 * One file or folder that was changed in two ways at once.
 */
export type Conflict = { 
/**
 * Its path in the drive.
 */
path: string, 
/**
 * What met: `content`, `moved_apart`, `renamed_apart`, `same_name`, `cycle`, `deleted_and_edited`,
 * `deleted_around`.
 */
kind: string, 
/**
 * Paths of the other versions that show beside it.
 */
copies: Array<string>, 
/**
 * In words: what happened.
 */
reason: string, };

/**
 * What awaits a choice.
 */
export type ConflictsReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * In path order.
 */
conflicts: Array<Conflict>, };

/**
 * Asks what was changed in two ways at once and awaits a choice.
 */
export type ConflictsRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * Makes a file from text or from a few bytes. Larger ones are uploaded.
 */
export type CreateFileRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * The folder it is made in.
 */
folder?: string | null, 
/**
 * Its name.
 */
name: string, 
/**
 * Its text; empty unless given. At most 32 KiB.
 */
text?: string, };

/**
 * A folder on the way to another.
 */
export type Crumb = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, };

/**
 * It was decided.
 */
export type DecideJoinReply = { 
/**
 * The request.
 */
request: string, 
/**
 * What they call themselves.
 */
name: string, 
/**
 * Whether they were let in.
 */
admitted: boolean, };

/**
 * Lets somebody in who waits, or turns them away.
 */
export type DecideJoinRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The request: its id or a unique name.
 */
request: string, 
/**
 * Whether they are let in.
 */
admit: boolean, };

/**
 * It was decided.
 */
export type DecideReviewReply = { 
/**
 * The device.
 */
device: string, 
/**
 * How many changes waited.
 */
entries: number, 
/**
 * Whether they count now.
 */
accepted: boolean, };

/**
 * Lets the late work of a device count, or sets it aside on this device.
 */
export type DecideReviewRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The device: id, unique beginning of an id, or unique name.
 */
device: string, 
/**
 * Whether it is to count.
 */
accept: boolean, };

/**
 * Puts nodes into the trash, folders with all that is in them.
 */
export type DeleteRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * What; at most 2000.
 */
nodes: Array<string>, };

/**
 * What becomes of deletions that wait.
 */
export type DeletionsAnswer = "confirm" | "undo";

/**
 * How deletions stand, after the answer if there was one.
 */
export type DeletionsReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Files and folders whose deletion waits; what is in such a folder is not counted.
 */
waiting: number, };

/**
 * Asks for the deletions that wait, or answers for them.
 */
export type DeletionsRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * What becomes of them; unless given, nothing yet.
 */
answer: DeletionsAnswer | null, };

/**
 * A code for one more device.
 */
export type DeviceCodeReply = { 
/**
 * To be carried to the new device. A secret: whoever has it becomes this member.
 */
code: TicketText, 
/**
 * When it ends.
 */
expires: number, };

/**
 * Makes a code by which one more device of this member is taken in.
 */
export type DeviceCodeRequest = { 
/**
 * Id or unique name of the drive.
 */
drive: string, };

/**
 * A drive in short.
 */
export type DriveCard = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * What this device's member may do; absent once it was removed.
 */
role: Role | null, 
/**
 * The folder it is kept as, if it is.
 */
folder: string | null, 
/**
 * Where it is mounted.
 */
mounts: Array<string>, 
/**
 * Files in it.
 */
files: number, 
/**
 * Folders in it.
 */
folders: number, 
/**
 * Bytes of all files.
 */
bytes: number, 
/**
 * Changes of this device that have not been taken in, or not sent to a connected peer.
 */
pending_up: number, 
/**
 * Changes of others that are not here yet.
 */
pending_down: number, 
/**
 * How many things wait: `problems` says which.
 */
problems: number, 
/**
 * How many conflicts await a choice.
 */
conflicts: number, 
/**
 * Other devices known.
 */
peers: number, 
/**
 * Those that are connected now.
 */
connected: number, };

/**
 * What waits in one drive.
 */
export type DriveProblems = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Its name.
 */
name: string, 
/**
 * How many there are.
 */
total: number, 
/**
 * The first hundred.
 */
problems: Array<Problem>, };

/**
 * A drive and where it shows.
 */
export type DriveRef = { 
/**
 * Its id.
 */
drive: string, 
/**
 * Its name.
 */
name: string, 
/**
 * The folder it is kept as or mounted on.
 */
path: string, };

/**
 * How one drive does on this device.
 */
export type DriveStatus = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * What this device's member may do; `None` once it was removed.
 */
role: Role | null, 
/**
 * The folder it is kept as, if it is.
 */
folder: string | null, 
/**
 * Where it is mounted.
 */
mounts: Array<string>, 
/**
 * Files in it.
 */
files: number, 
/**
 * Folders in it.
 */
folders: number, 
/**
 * Bytes of all files.
 */
bytes: number, 
/**
 * Hash over the listing that `tree` gives.
 */
view_hash: string, 
/**
 * Changes of this device that have not been taken in, or not sent to a connected peer.
 */
pending_up: number, 
/**
 * Changes of others that are not in the folder yet.
 */
pending_down: number, 
/**
 * Whether it is paused on this device.
 */
paused: boolean, 
/**
 * The reading or writing of its folder that is under way, if any.
 */
work?: Work | null, 
/**
 * How much of the history of a drive that was just joined was judged so far, in hundredths; absent once
 * all is.
 */
verified?: number | null, 
/**
 * What waits, and why.
 */
problems: Array<Problem>, 
/**
 * The other devices.
 */
peers: Array<Peer>, 
/**
 * About the path that was asked for.
 */
path?: PathStatus | null, };

/**
 * The drives of this device.
 */
export type DrivesReply = { 
/**
 * The version of the daemon.
 */
version: string, 
/**
 * This device's id.
 */
device: string, 
/**
 * In the order of their names.
 */
drives: Array<DriveCard>, 
/**
 * Drives that cannot be opened.
 */
broken: Array<BrokenDrive>, };

/**
 * Asks for the drives of this device, without anything that costs by their size.
 */
export type DrivesRequest = Record<symbol, never>;

/**
 * The lease has ended.
 */
export type EndLeaseReply = { 
/**
 * Its id.
 */
lease: string, };

/**
 * Ends a lease.
 */
export type EndLeaseRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The lease: id or unique beginning of one.
 */
lease: string, };

/**
 * Something that happened.
 */
export type Event = { "type": "tree", 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Who did it.
 */
who: Who, 
/**
 * Folders whose rows differ now, by id: at most 64.
 */
folders: Array<string>, 
/**
 * More folders than those changed, or it is not known which: all count as changed.
 */
all: boolean, 
/**
 * What happened, at most 32 of them.
 */
changes: Array<Change>, 
/**
 * How many changes there were.
 */
count: number, } | { "type": "reloaded", 
/**
 * The drive's id.
 */
drive: string, } | { "type": "members", 
/**
 * The drive's id.
 */
drive: string, 
/**
 * What this device's member may do now; absent once it was removed.
 */
role: Role | null, } | { "type": "peers", 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Devices that are connected.
 */
connected: number, 
/**
 * Changes not yet sent.
 */
pending_up: number, 
/**
 * Changes not yet here.
 */
pending_down: number, } | { "type": "presence", 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Everyone, this device's own windows not included.
 */
here: Array<Presence>, } | { "type": "transfers", 
/**
 * The drive's id.
 */
drive: string, 
/**
 * What is under way.
 */
transfers: Array<Transfer>, } | { "type": "problems", 
/**
 * The drive's id.
 */
drive: string, 
/**
 * What waits, and why.
 */
problems: Array<Problem>, } | { "type": "drives" };

/**
 * What was let go of.
 */
export type EvictReply = { 
/**
 * Parts of files.
 */
blobs: number, 
/**
 * Their bytes.
 */
bytes: number, 
/**
 * Bytes that stay, since no other device that is connected keeps them.
 */
only_here: number, };

/**
 * Lets go of the cached bytes of everything at and below a path.
 */
export type EvictRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The file or folder; the whole drive if empty.
 */
path: string, };

/**
 * It is told.
 */
export type FocusReply = Record<symbol, never>;

/**
 * Tells what the person before this window looks at. Told again at least every ten seconds while the
 * window is open; a window that is silent for thirty seconds is forgotten.
 */
export type FocusRequest = { 
/**
 * A random name of the window, 1 to 64 characters, so that several do not overwrite each other.
 */
window: string, 
/**
 * The drive that is open, by id; absent when none is, or the window closes.
 */
drive?: string | null, 
/**
 * The folder that is open.
 */
folder?: string | null, 
/**
 * The file that is selected or previewed.
 */
node?: string | null, 
/**
 * Whether that file is being edited.
 */
editing?: boolean, 
/**
 * Whether the person has not touched the window for a while.
 */
idle?: boolean, };

/**
 * A window of a folder.
 */
export type FolderReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * The folder's id.
 */
folder: string, 
/**
 * The folders from the root (whose name is the drive's) to this one, both included.
 */
path: Array<Crumb>, 
/**
 * How many rows the folder has.
 */
total: number, 
/**
 * Rows before the window.
 */
offset: number, 
/**
 * The window.
 */
rows: Array<Row>, 
/**
 * The row that was sought; absent if nothing was sought or there is none.
 */
found: number | null, 
/**
 * Whether this device's member may change the drive.
 */
can_write: boolean, };

/**
 * Asks for a window of a folder.
 */
export type FolderRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * The folder's id.
 */
folder?: string | null, 
/**
 * Rows before the window.
 */
offset: number, 
/**
 * Rows of the window; more than 500 are given as 500.
 */
count: number, 
/**
 * The order.
 */
sort?: SortKey, 
/**
 * Whether the order is reversed. Folders stay first if they are.
 */
descending?: boolean, 
/**
 * Whether folders come before everything else.
 */
folders_first?: boolean, 
/**
 * Whose place in this order is also asked for.
 */
seek?: Seek | null, };

/**
 * One frame of the event stream, a JSON text message from the daemon.
 */
export type Frame = { "frame": "hello", 
/**
 * Which run of the daemon this is: sequence numbers of another run mean nothing in this one.
 */
stream: string, 
/**
 * The number of the last event before this connection's.
 */
seq: number, 
/**
 * Whether the events after the number that was asked for follow without a gap. If not,
 * everything that is shown must be asked for anew.
 */
resumed: boolean, } | { "frame": "event", 
/**
 * Its number, one more than that of the event before.
 */
seq: number, 
/**
 * What.
 */
event: Event, } | { "frame": "behind", 
/**
 * The number of the last event that is over.
 */
seq: number, } | { "frame": "beat", 
/**
 * The number of the last event.
 */
seq: number, };

/**
 * All versions are told.
 */
export type HistoryReply = { 
/**
 * How many there are.
 */
versions: number, };

/**
 * Asks for every version of a file.
 */
export type HistoryRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The file's path, now or when it was deleted.
 */
path: string, };

/**
 * Something that a search found.
 */
export type Hit = { 
/**
 * The folder it is in.
 */
folder: string, 
/**
 * Path of that folder, empty for the root.
 */
below: string, 
/**
 * What was found.
 */
row: Row, };

/**
 * An invite of a drive.
 */
export type InviteLine = { 
/**
 * Its id.
 */
invite: string, 
/**
 * What it grants.
 */
role: Role, 
/**
 * Until when.
 */
expires: number, 
/**
 * How many may join by it.
 */
uses: number, 
/**
 * How many have.
 */
used: number, 
/**
 * Whether it can still be used.
 */
state: InviteState, 
/**
 * Whether somebody compares words before anyone is let in.
 */
approve: boolean, 
/**
 * Whether this device is the one that lets in by it.
 */
here: boolean, };

/**
 * A ticket and what it grants.
 */
export type InviteReply = { 
/**
 * The invite's id, by which it can be taken back.
 */
invite: string, 
/**
 * To be passed on by a private way: whoever has it can join.
 */
ticket: TicketText, 
/**
 * The same as a link, for where links can be clicked; `join` takes either.
 */
link: TicketText, 
/**
 * What it grants.
 */
role: Role, 
/**
 * When it ends.
 */
expires: number, 
/**
 * How many devices may join by it.
 */
uses: number, 
/**
 * Whether somebody here compares words before anyone is let in.
 */
approve: boolean, };

/**
 * Makes a ticket that lets someone join.
 */
export type InviteRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * What the one who joins may do.
 */
role: Role, 
/**
 * Milliseconds until the ticket is no longer accepted; the engine's default unless given.
 */
expires_in: number | null, 
/**
 * How many devices may join by it.
 */
uses: number, 
/**
 * Whether somebody here compares words before anyone is let in; exactly for admins unless given.
 */
approve: boolean | null, };

/**
 * Whether an invite can still be used.
 */
export type InviteState = "open" | "expired" | "used" | "revoked";

/**
 * The invites were listed.
 */
export type InvitesReply = { 
/**
 * The drive's id.
 */
drive: string, };

/**
 * Asks which invites there are.
 */
export type InvitesRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * Joins a drive by a ticket.
 */
export type JoinRequest = { 
/**
 * What the inviter passed on.
 */
ticket: TicketText, 
/**
 * Whether the ticket is a code of another device of the same person.
 */
own_device: boolean, 
/**
 * Where the drive is to show.
 */
place: Place, 
/**
 * Whether to answer only when the contents are here too.
 */
wait: boolean, };

/**
 * Somebody who waits to be let in, until words have been compared.
 */
export type JoinRequestLine = { 
/**
 * Names the request on this device.
 */
request: string, 
/**
 * By which invite.
 */
invite: string, 
/**
 * What they would be.
 */
role: Role, 
/**
 * What they call themselves.
 */
name: string, 
/**
 * What they call their device.
 */
device: string, 
/**
 * Six words that they must see too.
 */
words: string, 
/**
 * Since when.
 */
since: number, };

/**
 * Those who wait were listed.
 */
export type JoinRequestsReply = { 
/**
 * The drive's id.
 */
drive: string, };

/**
 * Asks who waits on this device to be let into a drive.
 */
export type JoinRequestsRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * Told to a joiner while the inviter's person compares words.
 */
export type JoinWords = { 
/**
 * Six words that the inviter must see too.
 */
words: string, };

/**
 * Keeps a drive of this device as a folder.
 */
export type KeepRequest = { 
/**
 * Id or unique name of the drive.
 */
drive: string, 
/**
 * The folder; made if it is missing.
 */
path: string, };

/**
 * A lease of a storage peer.
 */
export type LeaseLine = { 
/**
 * Its id.
 */
lease: string, 
/**
 * The storage peer's id.
 */
peer: string, 
/**
 * How many bytes it may keep.
 */
quota: number, 
/**
 * Until when.
 */
expires: number, 
/**
 * How it stands.
 */
state: LeaseState, 
/**
 * How many blobs it lacks of those that this device needs, as far as that is known.
 */
lacking: number | null, };

/**
 * Lets a storage peer keep a drive's sealed bytes.
 */
export type LeaseRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The storage peer's code.
 */
code: TicketText, 
/**
 * How many bytes it may keep.
 */
quota: number, 
/**
 * How long, in milliseconds from now.
 */
expires_in: number, };

/**
 * How a storage peer stands to a drive, as this device sees it.
 */
export type LeaseState = "stored" | "storing" | "full" | "refused" | "away" | "expired";

/**
 * The leases were listed.
 */
export type LeasesReply = { 
/**
 * The drive's id.
 */
drive: string, };

/**
 * Asks which leases there are.
 */
export type LeasesRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * The drive is no longer on this device.
 */
export type LeaveReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Its name; empty if it could not be opened.
 */
name: string, 
/**
 * The folder that it was kept as. What is in it stays.
 */
folder: string | null, };

/**
 * Gives a drive up on this device.
 */
export type LeaveRequest = { 
/**
 * Id or unique name; the id of one that cannot be opened.
 */
drive: string, 
/**
 * Whether to leave also if no connected device has everything that this one has.
 */
force: boolean, };

/**
 * How fast contents may pass.
 */
export type LimitReply = { 
/**
 * Bytes a second that are sent at most; absent for no limit.
 */
up: number | null, 
/**
 * Bytes a second that are received at most; absent for no limit.
 */
down: number | null, };

/**
 * Reads or sets how fast contents may pass, for this device; what is absent stays as it is.
 */
export type LimitRequest = { 
/**
 * Bytes a second that are sent at most; 0 for no limit.
 */
up: number | null, 
/**
 * Bytes a second that are received at most; 0 for no limit.
 */
down: number | null, };

/**
 * One entry of a folder.
 */
export type LsEntry = { 
/**
 * Its name.
 */
name: string, 
/**
 * `file`, `folder` or `symlink`.
 */
kind: string, 
/**
 * Bytes; of a symlink, the length of its target.
 */
size: number, 
/**
 * Permission bits.
 */
mode: number, 
/**
 * When it was last changed.
 */
mtime: number, 
/**
 * Where a symlink points.
 */
target?: string | null, };

/**
 * The folder is listed.
 */
export type LsReply = { 
/**
 * How many entries there were.
 */
entries: number, };

/**
 * Lists one folder of a drive.
 */
export type LsRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The folder; the root unless given.
 */
path: string | null, };

/**
 * What was made.
 */
export type Made = { 
/**
 * Its id.
 */
node: string, 
/**
 * The folder it is in.
 */
folder: string, 
/**
 * Its name.
 */
name: string, };

/**
 * Makes a folder.
 */
export type MakeFolderRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * The folder it is made in.
 */
folder?: string | null, 
/**
 * Its name.
 */
name: string, };

/**
 * A person in a drive.
 */
export type Member = { 
/**
 * Their id.
 */
member: string, 
/**
 * What they were called when they came.
 */
name: string | null, 
/**
 * What they may do.
 */
role: Role, 
/**
 * Their devices.
 */
devices: Array<MemberDevice>, 
/**
 * Whether it is you.
 */
you: boolean, };

/**
 * A device of a member.
 */
export type MemberDevice = { 
/**
 * Its id in this drive; another one after the member's role has changed.
 */
device: string, 
/**
 * What it was called when it came.
 */
name: string | null, 
/**
 * Whether it is this device.
 */
you: boolean, 
/**
 * Whether there is a connection to it now; this device counts as connected.
 */
connected: boolean, };

/**
 * The members were listed.
 */
export type MembersReply = { 
/**
 * The drive's id.
 */
drive: string, };

/**
 * Asks who is in a drive.
 */
export type MembersRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * Shows a drive as a file system.
 */
export type MountRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * An empty folder.
 */
path: string, };

/**
 * Moves nodes into a folder.
 */
export type MoveRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * What; at most 2000.
 */
nodes: Array<string>, 
/**
 * Where to.
 */
folder?: string | null, };

/**
 * The item of commands that stream none.
 */
export type NoItem = never;

/**
 * What a node is.
 */
export type NodeKind = "file" | "folder" | "symlink";

/**
 * How the device's key lies on the disk now.
 */
export type PassphraseReply = { 
/**
 * Whether it is sealed.
 */
sealed: boolean, };

/**
 * Seals this device's key under a passphrase, or leaves it in the clear.
 */
export type PassphraseRequest = { 
/**
 * What every later start needs; `None` to need none.
 */
passphrase: TicketText | null, };

/**
 * How one file or folder does on this device.
 */
export type PathStatus = { 
/**
 * Its path in the drive.
 */
path: string, 
/**
 * `file`, `folder` or `symlink`.
 */
kind: string, 
/**
 * Files in it, itself included.
 */
files: number, 
/**
 * How many of them can be read without another device.
 */
files_here: number, 
/**
 * Bytes of all of them.
 */
bytes: number, 
/**
 * How many of those bytes belong to such files.
 */
bytes_here: number, 
/**
 * The least number of devices that are connected now, besides this one, that hold all bytes of a
 * file of it: on so many more it is safe.
 */
peers: number, 
/**
 * Whether its bytes are kept on this device whatever the cache may take.
 */
pinned: boolean, };

/**
 * Whether a drive is paused.
 */
export type PauseReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Whether it is paused now.
 */
paused: boolean, };

/**
 * Pauses a drive on this device, or goes on with it.
 */
export type PauseRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * Another device that has the drive.
 */
export type Peer = { 
/**
 * Its id.
 */
id: string, 
/**
 * Whose it is, if known.
 */
member: string | null, 
/**
 * Whether it is nobody's device but a storage peer, which cannot read what it keeps.
 */
store: boolean, 
/**
 * Whether there is a connection to it now.
 */
connected: boolean, 
/**
 * Whether it and this device hold the same.
 */
level: boolean, 
/**
 * When it was last connected.
 */
last_seen: number | null, };

/**
 * Who else has a drive.
 */
export type PeersReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * The other devices.
 */
peers: Array<Peer>, };

/**
 * Asks who else has a drive.
 */
export type PeersRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * A drive's recovery phrase.
 */
export type PhraseReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * 24 words, a secret above all others of the drive; absent once it was forgotten.
 */
phrase?: TicketText | null, };

/**
 * Asks for a drive's recovery phrase, or that this device forget it.
 */
export type PhraseRequest = { 
/**
 * Id or unique name of the drive.
 */
drive: string, 
/**
 * Whether to forget it instead of telling it.
 */
forget: boolean, };

/**
 * The pin is set or gone.
 */
export type PinReply = { 
/**
 * The path in the drive.
 */
path: string, 
/**
 * Whether it is pinned now.
 */
pinned: boolean, 
/**
 * Files at and below it.
 */
files: number, 
/**
 * How many of them can be read without another device.
 */
files_here: number, };

/**
 * Keeps everything at and below a path on this device, or no longer.
 */
export type PinRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The file or folder; the whole drive if empty.
 */
path: string, };

/**
 * Where a joined drive shows.
 */
export type Place = { "folder": string } | { "inside": string } | { "mount": string };

/**
 * One device that is here, and where in the drive its person is.
 */
export type Presence = { 
/**
 * The member's id.
 */
member: string, 
/**
 * The name it goes by; empty if it has none.
 */
name: string, 
/**
 * The device's id.
 */
device: string, 
/**
 * Whether it is another device of this device's own member.
 */
you: boolean, 
/**
 * The folder that is open there, if one is.
 */
folder: string | null, 
/**
 * The file that is looked at.
 */
viewing: string | null, 
/**
 * Files that are being edited or are open for writing: at most 16.
 */
editing: Array<string>, 
/**
 * Whether nobody has touched it for a while.
 */
idle: boolean, };

/**
 * Who is here.
 */
export type PresenceReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Everyone, this device's own windows not included.
 */
here: Array<Presence>, };

/**
 * Asks who is here.
 */
export type PresenceRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, };

/**
 * Something that waits, and why.
 */
export type Problem = { 
/**
 * The path in the drive, if it is about one.
 */
path: string | null, 
/**
 * Why it waits.
 */
reason: string, 
/**
 * What to do.
 */
hint: string, };

/**
 * What waits, and why.
 */
export type ProblemsReply = { 
/**
 * Each drive that has any.
 */
drives: Array<DriveProblems>, };

/**
 * Asks what waits, in one drive or in all.
 */
export type ProblemsRequest = { 
/**
 * Id or unique name; all drives unless given.
 */
drive?: string | null, };

/**
 * How far a long command has come. Totals are absent while they are not known.
 */
export type Progress = { 
/**
 * What is being done, in a word or two: `reading`, `receiving`.
 */
stage: string, 
/**
 * Files done.
 */
files: number, 
/**
 * Files in all.
 */
files_total: number | null, 
/**
 * Bytes done.
 */
bytes: number, 
/**
 * Bytes in all.
 */
bytes_total: number | null, };

/**
 * What a file can be shown as. What it is follows from its bytes, never from its name, and nothing
 * that a browser would run is ever among it.
 */
export type ReadReply = { "as": "text", 
/**
 * The text.
 */
text: string, 
/**
 * Whether it was cut.
 */
cut: boolean, 
/**
 * Bytes of the whole file.
 */
size: number, } | { "as": "image", 
/**
 * Its media type.
 */
media: string, 
/**
 * Its bytes in base64.
 */
data: string, 
/**
 * Bytes of the whole file.
 */
size: number, } | { "as": "other", 
/**
 * In words: why it is not shown.
 */
reason: string, 
/**
 * Bytes of the whole file.
 */
size: number, };

/**
 * Looks into a file, to show it.
 */
export type ReadRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * The file's id.
 */
node: string, };

/**
 * The drive is this device's again.
 */
export type RecoverReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Where it shows.
 */
path: string, 
/**
 * The devices that were ended, by name.
 */
ended: Array<string>, 
/**
 * Whether every other device of the owner is ended.
 */
alone: boolean, };

/**
 * Comes back into a drive with its recovery phrase.
 */
export type RecoverRequest = { 
/**
 * The 24 words.
 */
phrase: TicketText, 
/**
 * What leads to a device of the drive: an invite, or an address.
 */
contact: TicketText, 
/**
 * Where the drive is to show.
 */
place: Place, 
/**
 * Whether the owner's other devices stay.
 */
keep_devices: boolean, };

/**
 * A node that stayed as it was.
 */
export type Refused = { 
/**
 * Which.
 */
node: string, 
/**
 * Why.
 */
error: ApiError, };

/**
 * Gives a node another name in its folder.
 */
export type RenameRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * What.
 */
node: string, 
/**
 * The new name.
 */
name: string, };

/**
 * What was restored.
 */
export type RestoreReply = { 
/**
 * Files that hold an earlier version again.
 */
contents: number, 
/**
 * Files and folders that are back from the trash.
 */
undeleted: number, 
/**
 * Files and folders that are back where, or under the name that, they were.
 */
moved: number, 
/**
 * Files and folders that went to the trash.
 */
deleted: number, 
/**
 * What could not be restored.
 */
problems: Array<Problem>, };

/**
 * Brings back an earlier version of a file, or a subtree as it was at a time.
 */
export type RestoreRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * What: a file with `version`, anything with `as_of`; the whole drive unless given.
 */
path: string | null, 
/**
 * One of the versions that `history` lists.
 */
version: string | null, 
/**
 * The time to go back to.
 */
as_of: number | null, 
/**
 * With `as_of`: move what was not there then to the trash.
 */
exact: boolean, };

/**
 * What one removed device wrote that nobody's tree shows.
 */
export type ReviewLine = { 
/**
 * The device.
 */
device: string, 
/**
 * Whose it was.
 */
member: string | null, 
/**
 * What it, or else its member, was called.
 */
name: string | null, 
/**
 * How many changes wait.
 */
entries: number, 
/**
 * Paths that would appear, go or change: some of them, where they are many.
 */
paths: Array<string>, };

/**
 * All was listed.
 */
export type ReviewReply = { 
/**
 * The drive's id.
 */
drive: string, };

/**
 * Asks what waits to be reviewed.
 */
export type ReviewRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * The invite was taken back.
 */
export type RevokeInviteReply = { 
/**
 * Its id.
 */
invite: string, 
/**
 * How many had joined by it before; they stay.
 */
used: number, };

/**
 * Takes an invite back.
 */
export type RevokeInviteRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The invite: id or unique beginning of one.
 */
invite: string, };

/**
 * Somebody was taken out.
 */
export type RevokeReply = { 
/**
 * The member's id.
 */
member: string, 
/**
 * The device's id, if only that was taken out.
 */
device: string | null, 
/**
 * Its name, or else the member's.
 */
name: string | null, };

/**
 * Takes a member, or one device, out of a drive.
 */
export type RevokeRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The member or device: id, unique beginning of an id, or unique name.
 */
who: string, 
/**
 * Whether it is in the wrong hands, and not only no longer needed. For the drive's history.
 */
compromised: boolean, };

/**
 * What a member may do, from least to most.
 */
export type Role = "reader" | "writer" | "admin" | "owner";

/**
 * The role was changed.
 */
export type RoleReply = { 
/**
 * The member's id.
 */
member: string, 
/**
 * Their name.
 */
name: string | null, 
/**
 * The new role.
 */
role: Role, };

/**
 * Gives a member another role.
 */
export type RoleRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The member: id, unique beginning of an id, or unique name.
 */
member: string, 
/**
 * The new role.
 */
role: Role, };

/**
 * One file, folder or symlink.
 */
export type Row = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * What it is.
 */
kind: NodeKind, 
/**
 * Bytes of a file; of a symlink, the length of its target; of a folder, nothing.
 */
size: number, 
/**
 * When it was last changed.
 */
mtime: number, 
/**
 * Permission bits.
 */
mode: number, 
/**
 * How many entries a folder has.
 */
entries?: number, 
/**
 * Where a symlink points.
 */
target?: string, 
/**
 * Edits met on it: `conflicts` says how.
 */
conflict: boolean, 
/**
 * It is another version of this node, shown beside it.
 */
copy_of?: string, 
/**
 * Why it waits, if it does.
 */
problem?: string, 
/**
 * Whether all bytes of a file are on this device; absent where that is not known.
 */
here?: boolean, 
/**
 * How many other devices have all its bytes; absent where that is not known.
 */
peers?: number, };

/**
 * What was found, best first: names that are the text, then names that begin with it, then the rest;
 * among equals the shorter name first.
 */
export type SearchReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * How many names match, those that are not in `hits` included.
 */
total: number, 
/**
 * The best of them.
 */
hits: Array<Hit>, };

/**
 * Searches names.
 */
export type SearchRequest = { 
/**
 * The drive's id or unique name.
 */
drive: string, 
/**
 * Words that must all be in the name, whatever their case and order; at most 256 bytes.
 */
text: string, 
/**
 * Only below this folder.
 */
folder?: string | null, 
/**
 * Most hits wanted; more than 200 are given as 200.
 */
limit: number, };

/**
 * Whose place in a folder is asked for.
 */
export type Seek = { "node": string } | { "prefix": { 
/**
 * What was typed.
 */
text: string, 
/**
 * The row to begin at.
 */
from: number, } };

/**
 * Makes a folder a drive.
 */
export type ShareRequest = { 
/**
 * The folder.
 */
path: string, 
/**
 * The drive's name; the folder's unless given.
 */
name: string | null, 
/**
 * Whether to answer only when every file has been taken in.
 */
wait: boolean, };

/**
 * What rows are put in order by. Equal ones are in the order of their names.
 */
export type SortKey = "name" | "size" | "time" | "kind";

/**
 * How drives do.
 */
export type StatusReply = { 
/**
 * In the order of their names.
 */
drives: Array<DriveStatus>, 
/**
 * Drives of this device that cannot be opened.
 */
broken?: Array<BrokenDrive>, };

/**
 * Asks how drives do.
 */
export type StatusRequest = { 
/**
 * Id or unique name; all drives unless given.
 */
drive: string | null, 
/**
 * A path in that drive, to hear about it alone.
 */
path: string | null, };

/**
 * The daemon is about to end.
 */
export type StopReply = { 
/**
 * Process id of the daemon that ends.
 */
pid: number, };

/**
 * Ends the daemon in order: mounts unmounted, everything durable.
 */
export type StopRequest = Record<symbol, never>;

/**
 * A ticket as text. It is a secret, so neither `Debug` nor any error shows it.
 */
export type TicketText = string;

/**
 * Bytes on their way.
 */
export type Transfer = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Which way.
 */
way: Way, 
/**
 * Files done.
 */
files: number, 
/**
 * Files in all, as far as known.
 */
files_total: number, 
/**
 * Bytes done.
 */
bytes: number, 
/**
 * Bytes in all, as far as known.
 */
bytes_total: number, 
/**
 * Bytes a second, lately.
 */
rate: number, 
/**
 * Milliseconds left at this rate; absent while nothing moves.
 */
left: number | null, };

/**
 * What is being moved.
 */
export type TransfersReply = { 
/**
 * One for each drive and direction under way.
 */
transfers: Array<Transfer>, };

/**
 * Asks what is being moved, in one drive or in all.
 */
export type TransfersRequest = { 
/**
 * Id or unique name; all drives unless given.
 */
drive?: string | null, };

/**
 * Something in the trash.
 */
export type TrashLine = { 
/**
 * The path that it had.
 */
path: string, 
/**
 * `file`, `folder` or `symlink`.
 */
kind: string, 
/**
 * Bytes.
 */
size: number, 
/**
 * What tells it from others that had the same path.
 */
id: string, 
/**
 * When it was deleted, by the deleter's clock; absent if the record does not tell.
 */
time: number | null, 
/**
 * Who deleted it, if known.
 */
by: string | null, 
/**
 * On which device.
 */
device: string | null, 
/**
 * Whether it was deleted so lately that this device keeps what it held. What is older may be gone for good.
 */
kept: boolean, };

/**
 * The trash is told.
 */
export type TrashReply = { 
/**
 * How many things are in it.
 */
entries: number, };

/**
 * Asks what is in the trash.
 */
export type TrashRequest = { 
/**
 * Id or unique name.
 */
drive: string, };

/**
 * One file, folder or symlink of a listing.
 */
export type TreeLine = { 
/**
 * Its path in the drive.
 */
path: string, 
/**
 * What stays the same through renames, moves and edits.
 */
id: string, 
/**
 * `file`, `folder` or `symlink`.
 */
kind: string, 
/**
 * Bytes; of a symlink, the length of its target.
 */
size: number, 
/**
 * Permission bits.
 */
mode: number, 
/**
 * What tells its content from any other; folders have none.
 */
hash: string | null, };

/**
 * The listing is complete.
 */
export type TreeReply = { 
/**
 * Hash over the listing: equal on two devices exactly when they show the same.
 */
view_hash: string, };

/**
 * Lists everything in a drive, or below a path of it.
 */
export type TreeRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * Where to start; the root unless given.
 */
path: string | null, };

/**
 * It is back.
 */
export type UndeleteReply = { 
/**
 * Where it shows now.
 */
path: string, };

/**
 * Takes something out of the trash.
 */
export type UndeleteRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * The path that it had, or its id.
 */
path: string, };

/**
 * The mount is gone.
 */
export type UnmountReply = { 
/**
 * The folder it was mounted on.
 */
path: string, };

/**
 * Takes a mount away, for good: it does not come back when the daemon starts again.
 */
export type UnmountRequest = { 
/**
 * The folder it was mounted on.
 */
path: string, };

/**
 * One version of a file.
 */
export type Version = { 
/**
 * Its name, as `restore` takes it.
 */
version: string, 
/**
 * When it was written, by its author's clock.
 */
time: number, 
/**
 * Whose device wrote it, if known.
 */
by: string | null, 
/**
 * Which device.
 */
device: string, 
/**
 * Bytes.
 */
size: number, 
/**
 * Whether it is what the file holds now.
 */
current: boolean, 
/**
 * Whether all its bytes are on this device.
 */
here: boolean, 
/**
 * How many of the devices that are connected now hold all its bytes.
 */
peers: number, 
/**
 * What tells its bytes from any other's.
 */
hash: string | null, };

/**
 * This device is level.
 */
export type WaitReply = { 
/**
 * The drive's id.
 */
drive: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Hash over the listing that `tree` gives.
 */
view_hash: string, 
/**
 * Files and folders that could not be dealt with; `status` says which and why.
 */
problems: number, };

/**
 * Waits until this device is level with every connected peer and nothing is pending.
 */
export type WaitRequest = { 
/**
 * Id or unique name.
 */
drive: string, 
/**
 * Milliseconds to wait at most; for ever unless given.
 */
timeout: number | null, };

/**
 * Which way bytes go.
 */
export type Way = "import" | "checkout";

/**
 * Who did something.
 */
export type Who = { 
/**
 * The member's id; absent for this device before its own is known.
 */
member: string | null, 
/**
 * The name it goes by; empty if it has none.
 */
name: string, 
/**
 * Whether it is this device's own member.
 */
you: boolean, };

/**
 * Work that is under way, and how fast it goes.
 */
export type Work = { 
/**
 * How far it is.
 */
progress: Progress, 
/**
 * Bytes a second, of late.
 */
rate: number, 
/**
 * Seconds that the rest takes at this rate; absent while nothing moves.
 */
left: number | null, };

/** Every command by its name. */
export type Calls = {
  /** Makes a folder a drive. */
  share: { request: ShareRequest; item: NoItem; reply: DriveRef };
  /** Makes a ticket that lets someone join a drive. */
  invite: { request: InviteRequest; item: NoItem; reply: InviteReply };
  /** Joins a drive by a ticket, kept as a folder or mounted. */
  join: { request: JoinRequest; item: JoinWords; reply: DriveRef };
  /** Gives a drive up on this device. */
  leave: { request: LeaveRequest; item: NoItem; reply: LeaveReply };
  /** Lists who is in a drive. */
  members: { request: MembersRequest; item: Member; reply: MembersReply };
  /** Gives a member another role. */
  role: { request: RoleRequest; item: NoItem; reply: RoleReply };
  /** Takes a member or a device out of a drive. */
  revoke: { request: RevokeRequest; item: NoItem; reply: RevokeReply };
  /** Lists the invites of a drive. */
  invites: { request: InvitesRequest; item: InviteLine; reply: InvitesReply };
  /** Takes an invite back. */
  revoke_invite: { request: RevokeInviteRequest; item: NoItem; reply: RevokeInviteReply };
  /** Lets a storage peer keep a drive's sealed bytes. */
  lease: { request: LeaseRequest; item: NoItem; reply: LeaseLine };
  /** Lists the leases of a drive's storage peers. */
  leases: { request: LeasesRequest; item: LeaseLine; reply: LeasesReply };
  /** Ends a lease. */
  end_lease: { request: EndLeaseRequest; item: NoItem; reply: EndLeaseReply };
  /** Lists who waits on this device to be let into a drive. */
  join_requests: { request: JoinRequestsRequest; item: JoinRequestLine; reply: JoinRequestsReply };
  /** Lets somebody in who waits, or turns them away. */
  decide_join: { request: DecideJoinRequest; item: NoItem; reply: DecideJoinReply };
  /** Lists what removed devices wrote too late to count. */
  review: { request: ReviewRequest; item: ReviewLine; reply: ReviewReply };
  /** Lets late work of a removed device count for everyone, or sets it aside on this device. */
  decide_review: { request: DecideReviewRequest; item: NoItem; reply: DecideReviewReply };
  /** Shows a drive as a file system; comes back when the daemon starts again. */
  mount: { request: MountRequest; item: NoItem; reply: DriveRef };
  /** Takes a mount away. */
  unmount: { request: UnmountRequest; item: NoItem; reply: UnmountReply };
  /** Tells how drives do: what is in them, what waits and why, who else has them. */
  status: { request: StatusRequest; item: NoItem; reply: StatusReply };
  /** Lists the drives in short, at a cost that does not grow with them. */
  drives: { request: DrivesRequest; item: NoItem; reply: DrivesReply };
  /** Tells what waits, and why. */
  problems: { request: ProblemsRequest; item: NoItem; reply: ProblemsReply };
  /** Tells what is being moved. */
  transfers: { request: TransfersRequest; item: NoItem; reply: TransfersReply };
  /** Tells who did what lately, since the daemon started. */
  activity: { request: ActivityRequest; item: NoItem; reply: ActivityReply };
  /** Tells what a window shows, for the others to see. */
  focus: { request: FocusRequest; item: NoItem; reply: FocusReply };
  /** Tells who is here. */
  presence: { request: PresenceRequest; item: NoItem; reply: PresenceReply };
  /** Lists everything in a drive. */
  tree: { request: TreeRequest; item: TreeLine; reply: TreeReply };
  /** Waits until this device is level with every connected peer and nothing is pending. */
  wait: { request: WaitRequest; item: NoItem; reply: WaitReply };
  /** Lists the other devices that have a drive. */
  peers: { request: PeersRequest; item: NoItem; reply: PeersReply };
  /** Lists what was changed in two ways at once and awaits a choice. */
  conflicts: { request: ConflictsRequest; item: NoItem; reply: ConflictsReply };
  /** Tells of deletions that wait for a yes, or gives it. */
  deletions: { request: DeletionsRequest; item: NoItem; reply: DeletionsReply };
  /** Lists one folder of a drive. */
  ls: { request: LsRequest; item: LsEntry; reply: LsReply };
  /** Reads a file of a drive. */
  cat: { request: CatRequest; item: Chunk; reply: CatReply };
  /** Makes a code by which one more device of this member is taken in. */
  device_code: { request: DeviceCodeRequest; item: NoItem; reply: DeviceCodeReply };
  /** Tells where this device can be reached. */
  address: { request: AddressRequest; item: NoItem; reply: AddressReply };
  /** Tells a drive's recovery phrase, or forgets it. */
  phrase: { request: PhraseRequest; item: NoItem; reply: PhraseReply };
  /** Seals this device's key under a passphrase, or leaves it in the clear. */
  passphrase: { request: PassphraseRequest; item: NoItem; reply: PassphraseReply };
  /** Writes a backup of who this device is. */
  backup: { request: BackupRequest; item: NoItem; reply: BackupReply };
  /** Keeps a drive of this device as a folder. */
  keep: { request: KeepRequest; item: NoItem; reply: DriveRef };
  /** Comes back into a drive with its recovery phrase. */
  recover: { request: RecoverRequest; item: NoItem; reply: RecoverReply };
  /** Tells a drive's signed history, line by line. */
  audit: { request: AuditRequest; item: AuditLine; reply: AuditReply };
  /** Lists every version of a file. */
  history: { request: HistoryRequest; item: Version; reply: HistoryReply };
  /** Brings back an earlier version of a file, or a subtree as it was at a time. */
  restore: { request: RestoreRequest; item: NoItem; reply: RestoreReply };
  /** Lists what was deleted. */
  trash: { request: TrashRequest; item: TrashLine; reply: TrashReply };
  /** Takes something out of the trash. */
  undelete: { request: UndeleteRequest; item: NoItem; reply: UndeleteReply };
  /** Keeps a file or folder on this device. */
  pin: { request: PinRequest; item: NoItem; reply: PinReply };
  /** Takes a pin away. */
  unpin: { request: PinRequest; item: NoItem; reply: PinReply };
  /** Lets go of cached bytes that other places hold. */
  evict: { request: EvictRequest; item: NoItem; reply: EvictReply };
  /** Tells or sets what this device keeps of a drive. */
  config: { request: ConfigRequest; item: NoItem; reply: ConfigReply };
  /** Removes what no drive needs any more. */
  collect: { request: CollectRequest; item: NoItem; reply: CollectReply };
  /** A window of a folder: never more than some hundred rows. */
  folder: { request: FolderRequest; item: NoItem; reply: FolderReply };
  /** Finds files and folders by name. */
  search: { request: SearchRequest; item: NoItem; reply: SearchReply };
  /** Looks into a file, to show it. */
  read: { request: ReadRequest; item: NoItem; reply: ReadReply };
  /** Makes a folder. */
  make_folder: { request: MakeFolderRequest; item: NoItem; reply: Made };
  /** Makes a file of a few bytes of text. */
  create_file: { request: CreateFileRequest; item: NoItem; reply: Made };
  /** Gives a file or folder another name. */
  rename: { request: RenameRequest; item: NoItem; reply: Made };
  /** Moves files and folders into a folder. */
  move_nodes: { request: MoveRequest; item: NoItem; reply: ChangeReply };
  /** Puts files and folders into the trash. */
  delete_nodes: { request: DeleteRequest; item: NoItem; reply: ChangeReply };
  /** Tells or sets how fast contents may pass on this device. */
  limit: { request: LimitRequest; item: NoItem; reply: LimitReply };
  /** Stops sending, receiving and writing of a drive on this device. */
  pause: { request: PauseRequest; item: NoItem; reply: PauseReply };
  /** Goes on with a paused drive. */
  resume: { request: PauseRequest; item: NoItem; reply: PauseReply };
  /** Ends the daemon in order. */
  stop: { request: StopRequest; item: NoItem; reply: StopReply };
};
