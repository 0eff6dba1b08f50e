// The commands that the app uses, by name: those that the daemon declares.
export type { Calls } from "../bindings/api";
