// The commands that the app uses, by name. Those that the daemon declares are taken from its bindings;
// the ones named here have their types there already, and go from here as it declares them too.
import type {
  Calls as Declared, NoItem, ActivityReply, ActivityRequest, DrivesReply, DrivesRequest, FocusReply, FocusRequest, PresenceReply, PresenceRequest, ProblemsReply, ProblemsRequest, TransfersReply, TransfersRequest,
} from "../bindings/api";

interface One<Request, Reply> {
  request: Request;
  item: NoItem;
  reply: Reply;
}

export type Calls = Declared & {
  drives: One<DrivesRequest, DrivesReply>;
  focus: One<FocusRequest, FocusReply>;
  presence: One<PresenceRequest, PresenceReply>;
  problems: One<ProblemsRequest, ProblemsReply>;
  transfers: One<TransfersRequest, TransfersReply>;
  activity: One<ActivityRequest, ActivityReply>;
};
