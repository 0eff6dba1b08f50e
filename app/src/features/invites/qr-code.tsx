// A text as a QR code, for a device with a camera. Black on white in every theme, or scanners miss it.
import { useMemo } from "react";
import { encode } from "uqr";

export function QrCode({ text }: { text: string }) {
  const code = useMemo(() => {
    try {
      return encode(text, { ecc: "L", border: 2 });
    } catch {
      // Longer than any QR code holds.
      return null;
    }
  }, [text]);
  if (!code) return null;
  const path = code.data
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")))
    .join("");
  return (
    <svg className="qr" viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label="Invite as a QR code" shapeRendering="crispEdges">
      <rect width={code.size} height={code.size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
