// The commands that the app uses, by name. Those that the daemon declares are taken from its bindings;
// the ones named here have their types there already, and go from here as it declares them too.
import type {
  ActivityReply, ActivityRequest, Calls as Declared, ChangeReply, CreateFileRequest, DeleteRequest, DrivesReply, DrivesRequest, FocusReply,
  FocusRequest, FolderReply, FolderRequest, Made, MakeFolderRequest, MoveRequest, NoItem, PresenceReply, PresenceRequest, ProblemsReply,
  ProblemsRequest, ReadReply, ReadRequest, RenameRequest, SearchReply, SearchRequest, TransfersReply, TransfersRequest,
} from "../bindings/api";

interface One<Request, Reply> {
  request: Request;
  item: NoItem;
  reply: Reply;
}

export type Calls = Declared & {
  drives: One<DrivesRequest, DrivesReply>;
  folder: One<FolderRequest, FolderReply>;
  search: One<SearchRequest, SearchReply>;
  read: One<ReadRequest, ReadReply>;
  make_folder: One<MakeFolderRequest, Made>;
  create_file: One<CreateFileRequest, Made>;
  rename: One<RenameRequest, Made>;
  move_nodes: One<MoveRequest, ChangeReply>;
  delete_nodes: One<DeleteRequest, ChangeReply>;
  focus: One<FocusRequest, FocusReply>;
  presence: One<PresenceRequest, PresenceReply>;
  problems: One<ProblemsRequest, ProblemsReply>;
  transfers: One<TransfersRequest, TransfersReply>;
  activity: One<ActivityRequest, ActivityReply>;
};
