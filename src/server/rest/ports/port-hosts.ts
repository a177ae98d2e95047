import { isId, type SandboxId } from '../../../model/ids.ts';

/** A port of a sandbox, as a host name names it. */
export interface PortHost {
  readonly port: number;
  readonly sandboxId: SandboxId;
}

const LABEL = /^([0-9]{1,5})-(sb-[0-9a-f]{32})$/;

/** The host names that lead to ports of sandboxes: `PORT-SANDBOXID.DOMAIN`. The label has at most 41 of the 63 letters that DNS takes. */
export class PortHosts {
  readonly #suffix: string | undefined;

  /** @param domain `server.sandbox_domain`; without it no host name leads anywhere. */
  constructor(domain: string | undefined) {
    this.#suffix = domain === undefined ? undefined : `.${domain.toLowerCase()}`;
  }

  /**
   * What a `Host` header names, with or without a port of its own and whatever its case; undefined for every other host. The
   * port of the sandbox is as it was written: 0 to 99999.
   */
  parse(host: string | undefined): PortHost | undefined {
    if (this.#suffix === undefined || host === undefined) return undefined;
    const name = host.replace(/:\d+$/, '').toLowerCase();
    if (!name.endsWith(this.#suffix)) return undefined;
    const [, port, sandboxId] = LABEL.exec(name.slice(0, -this.#suffix.length)) ?? [];
    if (port === undefined || sandboxId === undefined || !isId('sandbox', sandboxId)) return undefined;
    return { port: Number(port), sandboxId };
  }
}
