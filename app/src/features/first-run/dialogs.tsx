// Sharing and joining later on: the same forms as in the first minute.
import { Dialog } from "../../ui/dialog";
import { JoinForm, ShareForm } from "./forms";

export function ShareDialog({ onClose, onShared }: { onClose: () => void; onShared: (drive: string) => void }) {
  return (
    <Dialog title="Share a folder" onClose={onClose} holdsForm>
      <ShareForm
        onDone={(drive, open) => {
          if (open) onClose();
          onShared(drive.drive);
        }}
        inDialog
      />
    </Dialog>
  );
}

export function JoinDialog({ invite, onClose }: { invite: string; onClose: () => void }) {
  return (
    <Dialog title="Join with an invite" onClose={onClose} holdsForm>
      <JoinForm invite={invite} onDone={(_drive, open) => open && onClose()} inDialog />
    </Dialog>
  );
}
