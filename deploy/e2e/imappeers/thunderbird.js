// What a person does in Thunderbird, done with its own parts. Marionette runs
// this with the name of a step, its arguments and a function that takes the
// result; deploy/e2e/imap_thunderbird_test.go calls it.
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const [name, args, done] = arguments;

const win = () => Services.wm.getMostRecentWindow("mail:3pane");
const msgWindow = () => win().msgWindow;
const pause = ms => new Promise(r => win().setTimeout(r, ms));

// until waits for something that comes by itself.
async function until(what, f) {
  for (let i = 0; i < 600; i++) {
    const v = await f();
    if (v) return v;
    await pause(200);
  }
  throw new Error("two minutes without " + what);
}

function server(user) {
  const found = MailServices.accounts.allServers.find(s => s.type == "imap" && s.username == user);
  if (!found) throw new Error("no account " + user);
  return found;
}

function folder(user, path) {
  let f = server(user).rootFolder;
  for (const part of path.split("/")) {
    f = f.subFolders.find(x => x.onlineName?.split("/").pop() == part || x.name == part || x.prettyName == part || (part == "INBOX" && x.isSpecialFolder(Ci.nsMsgFolderFlags.Inbox)));
    if (!f) return null;
  }
  return f.QueryInterface(Ci.nsIMsgImapMailFolder);
}

const url = resolve => ({
  OnStartRunningUrl() {},
  OnStopRunningUrl(_, status) { resolve(status); },
});

// It asks the server; where Thunderbird does so already, nobody is told of the end.
const update = f => Promise.race([new Promise(r => f.updateFolderWithListener(msgWindow(), url(r))), pause(10000)]);
const list = f => [...f.messages];

// A header keeps the "Re:" of its subject as a flag.
const subjectOf = h => (h.flags & Ci.nsMsgMessageFlags.HasRe ? "Re: " : "") + h.mime2DecodedSubject;
const find = (user, path, subject) => list(folder(user, path)).find(h => subjectOf(h).includes(subject));

function header(user, path, subject) {
  const h = find(user, path, subject);
  if (!h) throw new Error(`no message ${subject} in ${path}`);
  return h;
}

function text(hdr) {
  const uri = hdr.folder.getUriForMsg(hdr);
  return new Promise((resolve, reject) => {
    let all = "";
    const listener = {
      QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
      onStartRequest() {},
      onStopRequest(_, status) { Components.isSuccessCode(status) ? resolve(all) : reject(new Error("reading: " + status)); },
      onDataAvailable(_, stream, offset, count) {
        const s = Cc["@mozilla.org/scriptableinputstream;1"].createInstance(Ci.nsIScriptableInputStream);
        s.init(stream);
        all += s.read(count);
      },
    };
    MailServices.messageServiceFromURI(uri).streamMessage(uri, listener, null, null, false, "");
  });
}

const steps = {
  // The account, from what the server says about itself for Thunderbird.
  async account({ config, address, password, certificate }) {
    const { JXON } = ChromeUtils.importESModule("resource:///modules/JXON.sys.mjs");
    const { readFromXML } = ChromeUtils.importESModule("resource:///modules/accountcreation/readFromXML.sys.mjs");
    const { AccountConfig } = ChromeUtils.importESModule("resource:///modules/accountcreation/AccountConfig.sys.mjs");
    const { CreateInBackend } = ChromeUtils.importESModule("resource:///modules/accountcreation/CreateInBackend.sys.mjs");
    const cert = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).constructX509FromBase64(certificate);
    const c = readFromXML(JXON.build(new (win().DOMParser)().parseFromString(config, "text/xml")), "test");
    AccountConfig.replaceVariables(c, address.split("@")[0], address, password);
    Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService).rememberValidityOverride(c.incoming.hostname, c.incoming.port, {}, cert, false);
    c.rememberPassword = true;
    const account = await CreateInBackend.createAccountInBackend(c);
    const s = account.incomingServer;
    return { type: s.type, host: s.hostname, port: s.port, socket: s.socketType, auth: s.authMethod, user: s.username };
  },
  // All folders, once they were listed.
  async folders({ user, expect }) {
    const s = server(user);
    s.performExpand(msgWindow());
    await update(folder(user, "INBOX"));
    await until(expect, () => folder(user, expect));
    const names = [];
    const walk = (f, at) => f.subFolders.forEach(x => { names.push(at + x.name); walk(x, at + x.name + "/"); });
    walk(s.rootFolder, "");
    return names;
  },
  // The settings' "Keep messages in all folders for this account on this
  // computer", taken away, and the alert of new mail, which fetches its text too.
  async keepsNothing({ user }) {
    Services.prefs.setBoolPref("mail.biff.show_alert", false);
    const s = server(user);
    s.QueryInterface(Ci.nsIImapIncomingServer).offlineDownload = false;
    s.rootFolder.descendants.forEach(f => f.clearFlag(Ci.nsMsgFolderFlags.Offline));
  },
  // Shows a folder, which Thunderbird then watches by IDLE.
  async open({ user, path }) {
    const f = await until("folder " + path, () => folder(user, path));
    const pane = win().document.getElementById("tabmail").currentAbout3Pane;
    pane.displayFolder(f.URI);
    await update(f);
    return list(f).map(subjectOf);
  },
  // Waits for what Thunderbird knows by itself: nothing is asked of the server
  // here.
  async arrives({ user, path, subject }) {
    await until(`${subject} in ${path}`, () => find(user, path, subject));
  },
  async leaves({ user, path, subject }) {
    await until(`the end of ${subject} in ${path}`, () => !find(user, path, subject));
  },
  // Shows a message, and says what its page says.
  async read({ user, path, subject }) {
    const hdr = header(user, path, subject);
    const tabmail = win().document.getElementById("tabmail");
    return until("the text of " + subject, () => {
      tabmail.currentAbout3Pane.selectMessage(hdr);
      const about = tabmail.currentAboutMessage;
      if (!about?.msgLoaded || about.gMessage?.messageKey != hdr.messageKey || about.gMessage.folder != hdr.folder) return null;
      return about.getMessagePaneBrowser().contentDocument?.body?.textContent.trim();
    });
  },
  // Lets the window catch up with what is known; for screenshots only.
  async paint() {
    await pause(1500);
  },
  async flag({ user, path, subject }) {
    const hdr = header(user, path, subject);
    hdr.folder.markMessagesFlagged([hdr], true);
    hdr.folder.markMessagesRead([hdr], true);
  },
  // Lets the server search.
  async search({ user, path, word }) {
    const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
    session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder(user, path));
    const term = session.createTerm();
    term.attrib = Ci.nsMsgSearchAttrib.Body;
    term.op = Ci.nsMsgSearchOp.Contains;
    const value = term.value;
    value.attrib = term.attrib;
    value.str = word;
    term.value = value;
    session.appendTerm(term);
    const hits = [];
    const status = await new Promise(resolve => {
      session.registerListener({
        QueryInterface: ChromeUtils.generateQI(["nsIMsgSearchNotify"]),
        onSearchHit(hdr) { hits.push(subjectOf(hdr)); },
        onSearchDone(s) { resolve(s); },
        onNewSearch() {},
      });
      session.search(msgWindow());
    });
    if (!Components.isSuccessCode(status)) throw new Error("searching: " + status);
    return hits;
  },
  // Moves a message, as dragging it does.
  async move({ user, path, subject, to }) {
    const hdr = header(user, path, subject);
    const status = await new Promise(resolve => MailServices.copy.copyMessages(hdr.folder, [hdr], folder(user, to), true, {
      QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]),
      onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
      onStopCopy(s) { resolve(s); },
    }, msgWindow(), true));
    return Components.isSuccessCode(status);
  },
  async download({ user, path }) {
    const f = folder(user, path);
    f.setFlag(Ci.nsMsgFolderFlags.Offline);
    const status = await new Promise(r => f.downloadAllForOffline(url(r), msgWindow()));
    if (!Components.isSuccessCode(status)) throw new Error("downloading: " + status);
    return list(f).filter(m => m.flags & Ci.nsMsgMessageFlags.Offline).length;
  },
  async offline() {
    Services.io.offline = true;
  },
  async text({ user, path, subject }) {
    return text(header(user, path, subject));
  },
  async online() {
    Services.io.offline = false;
    Cc["@mozilla.org/messenger/offline-manager;1"].getService(Ci.nsIMsgOfflineManager).goOnline(false, true, msgWindow());
  },
};

Promise.resolve().then(() => steps[name](args)).then(v => done({ said: v ?? null }), e => done({ failed: `${e}\n${e.stack ?? ""}` }));
