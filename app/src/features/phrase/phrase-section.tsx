// Where the recovery phrase of a drive is found again: for owners, among whom is the one whose device has it.
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { Button } from "../../ui/button";
import { Section } from "../../ui/view";
import { PhraseDialog } from "./phrase-dialog";

export function PhraseSection({ drive }: { drive: string }) {
  const [open, setOpen] = useState(false);
  return (
    <Section title="Recovery" about="For when all your devices are lost. The device that made this drive has the phrase until it is written down.">
      <div>
        <Button icon={<KeyRound size={15} aria-hidden />} onClick={() => setOpen(true)}>
          Show recovery phrase
        </Button>
      </div>
      {open && <PhraseDialog drive={drive} onClose={() => setOpen(false)} />}
    </Section>
  );
}
