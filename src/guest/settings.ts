/** What the executor has told the guest about its sandbox, with `POST /init`. */
export interface GuestSettings {
  /** Variables of the image, the sandbox and its secrets, merged: every process gets them. */
  readonly env: Readonly<Record<string, string>>;
  /** Whom processes run as when a request names nobody: a name, uid, `name:group` or `uid:gid`; root otherwise. */
  readonly user?: string;
  /** Where processes run, and relative paths begin, when a request does not say; the home of the user otherwise. */
  readonly workdir?: string;
}

/** Holds the settings for all parts of the guest. Empty until it has been initialised. */
export class SettingsHolder {
  #settings: GuestSettings = { env: {} };

  get current(): GuestSettings {
    return this.#settings;
  }

  set(settings: GuestSettings): void {
    this.#settings = settings;
  }
}
