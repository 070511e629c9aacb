/** The runtime's process as the operating system sees it. Linux only: elsewhere nothing is known. */
import { readdirSync, readFileSync } from "node:fs";

/** Processes named workerd that this one started. */
export function runtimeProcesses(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/u.test(name))
      .map(Number)
      .filter((pid) => {
        const stat = statOf(pid);
        return stat !== null && stat.command.startsWith("workerd") && stat.parent === process.pid;
      });
  } catch {
    return [];
  }
}

/** Processor time that it has used, in seconds; NaN where that is not known. */
export function cpuSeconds(pids: readonly number[]): number {
  if (pids.length === 0) return NaN;
  // In clock ticks, of which every Linux has 100 a second.
  return pids.reduce((sum, pid) => sum + (statOf(pid)?.ticks ?? 0) / 100, 0);
}

export interface Memory {
  readonly bytes: number;
  readonly peakBytes: number;
}

export function memoryOf(pids: readonly number[]): Memory | null {
  if (pids.length === 0) return null;
  const field = (pid: number, name: string): number => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "mu").exec(status)?.[1] ?? 0) * 1_024;
    } catch {
      return 0;
    }
  };
  const sum = (name: string): number => pids.reduce((total, pid) => total + field(pid, name), 0);
  return { bytes: sum("VmRSS"), peakBytes: sum("VmHWM") };
}

function statOf(pid: number): { command: string; parent: number; ticks: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return {
      command: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")),
      parent: Number(fields[1]),
      ticks: Number(fields[11]) + Number(fields[12]),
    };
  } catch {
    return null;
  }
}
