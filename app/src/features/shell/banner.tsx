// What must be known before anything else: no connection to the daemon, or no session with it.
import { PlugZap, Unplug } from "lucide-react";
import { useEffect, useState } from "react";
import { useConnection, useNews } from "../../live/news";
import { Button } from "../../ui/button";
import { Empty } from "../../ui/view";

/** A break shorter than this is no news: a restart, a laptop that slept. */
const GRACE = 600;

export function Banner() {
  const connection = useConnection();
  const { live } = useNews();
  const [late, setLate] = useState(false);
  const lost = connection === "lost";
  useEffect(() => {
    if (!lost) return;
    const timer = setTimeout(() => setLate(true), GRACE);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [lost]);
  if (!lost || !late) return null;
  return (
    <div className="banner banner-warn" role="alert">
      <Unplug size={16} aria-hidden />
      <span>
        <strong>PeerDrive does not answer.</strong> What you see may be old. Nothing is lost; this window goes on by itself as soon as it is back.
      </span>
      <Button onClick={() => live.retry()}>Try now</Button>
    </div>
  );
}

export function SignedOut() {
  return (
    <div className="shell-alone">
      <main id="main">
        <h1 className="visually-hidden">PeerDrive</h1>
        <Empty icon={<PlugZap size={24} />} title="This window is not signed in">
          <p>Each address opens once, and only for the person at this machine. For a new one, run</p>
          <p className="signed-out-command mono">peerdrive ui</p>
        </Empty>
      </main>
    </div>
  );
}
