package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// marionette drives a Thunderbird by the protocol that Mozilla's programs have
// for their tests: JSON arrays on TCP, each behind its length. The steps are
// functions of imappeers/thunderbird.js and run inside Thunderbird.
type marionette struct {
	t       *testing.T
	conn    net.Conn
	r       *bufio.Reader
	id      int
	steps   string
	display string
	shots   string // folder of the screenshots
	shown   int
}

// thunderbirdPrefs keep a new profile from asking, phoning and updating; what
// decides how it speaks IMAP is left as it comes.
const thunderbirdPrefs = `user_pref("marionette.port", %d);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mail.rights.version", 1);
user_pref("mail.shell.checkDefaultClient", false);
user_pref("mailnews.start_page.enabled", false);
user_pref("mail.spotlight.firstRunDone", true);
user_pref("app.update.enabled", false);
user_pref("app.donation.eoy.version.viewed", 99);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("datareporting.policy.dataSubmissionPolicyBypassNotification", true);
user_pref("toolkit.telemetry.enabled", false);
user_pref("mail.warn_on_send_accel_key", false);
user_pref("offline.download.download_messages", 1);
user_pref("offline.send.unsent_messages", 2);
`

// startThunderbird runs Thunderbird with a new profile on a screen of its own.
func startThunderbird(t *testing.T, dir string) *marionette {
	t.Helper()
	needProgram(t, "thunderbird", "Xvfb", "import")
	steps, err := os.ReadFile("imappeers/thunderbird.js")
	must(t, err)
	m := &marionette{t: t, steps: string(steps), display: startScreen(t), shots: dir}
	port := freePort(t)
	profile := filepath.Join(workDir(t), "profile")
	write(t, filepath.Join(profile, "user.js"), fmt.Sprintf(thunderbirdPrefs, port))
	log, err := os.Create(filepath.Join(dir, "thunderbird.log"))
	must(t, err)
	t.Cleanup(func() { _ = log.Close() })
	cmd := exec.Command("thunderbird", "--profile", profile, "--no-remote", "--marionette", "--remote-allow-system-access")
	cmd.Env = append(os.Environ(), "DISPLAY="+m.display, "HOME="+filepath.Dir(profile), "LC_ALL=C.UTF-8", "MOZ_DISABLE_CONTENT_SANDBOX=1")
	cmd.Stdout, cmd.Stderr = log, log
	p := startProcess(t, cmd)
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		if _, ended := p.exited(20 * time.Second); !ended {
			p.kill()
		}
	})
	eventually(t, 3*time.Minute, func() string {
		if _, ended := p.exited(0); ended {
			t.Fatalf("thunderbird ended:\n%s", readFile(t, log.Name()))
		}
		if m.conn, err = net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second); err != nil {
			return err.Error()
		}
		return ""
	})
	t.Cleanup(func() { _ = m.conn.Close() })
	m.r = bufio.NewReader(m.conn)
	m.receive() // the greeting
	m.command("WebDriver:NewSession", object{})
	m.command("Marionette:SetContext", object{"value": "chrome"})
	m.command("WebDriver:SetTimeouts", object{"script": 150_000})
	return m
}

// startScreen runs an X server and returns its display.
func startScreen(t *testing.T) string {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1400x900x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	p := startProcess(t, cmd)
	t.Cleanup(p.kill)
	must(t, w.Close())
	number, err := bufio.NewReader(r).ReadString('\n')
	must(t, err)
	return ":" + strings.TrimSpace(number)
}

func (m *marionette) receive() json.RawMessage {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(4 * time.Minute))
	head, err := m.r.ReadString(':')
	must(m.t, err)
	body := make([]byte, atoi(m.t, strings.TrimSuffix(head, ":")))
	_, err = io.ReadFull(m.r, body)
	must(m.t, err)
	return body
}

// command says one command and returns the value of its answer.
func (m *marionette) command(name string, args object) json.RawMessage {
	m.t.Helper()
	m.id++
	said, err := json.Marshal([]any{0, m.id, name, args})
	must(m.t, err)
	_, err = fmt.Fprintf(m.conn, "%d:%s", len(said), said)
	must(m.t, err)
	var answer []json.RawMessage
	must(m.t, json.Unmarshal(m.receive(), &answer))
	if len(answer) != 4 || string(answer[2]) != "null" {
		m.t.Fatalf("%s: %.2000s", name, answer)
	}
	return answer[3]
}

// step runs a step and gives what it said to said, nil for nobody.
func (m *marionette) step(name string, args object, said any) {
	m.t.Helper()
	raw := m.command("WebDriver:ExecuteAsyncScript", object{"script": m.steps, "args": []any{name, args}, "sandbox": "system", "newSandbox": true})
	var answer struct {
		Value struct {
			Said   json.RawMessage
			Failed string
		}
	}
	must(m.t, json.Unmarshal(raw, &answer))
	if answer.Value.Failed != "" {
		m.keep("failed")
		m.t.Fatalf("thunderbird: %s %v: %s", name, args, answer.Value.Failed)
	}
	if said != nil {
		must(m.t, json.Unmarshal(answer.Value.Said, said))
	}
}

// screenshot keeps what a person sees, once it is painted.
func (m *marionette) screenshot(name string) {
	m.t.Helper()
	m.step("paint", object{}, nil)
	m.keep(name)
}

func (m *marionette) keep(name string) {
	m.t.Helper()
	m.shown++
	cmd := exec.Command("import", "-display", m.display, "-window", "root", filepath.Join(m.shots, fmt.Sprintf("%02d-%s.png", m.shown, name)))
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Errorf("screenshot: %v %s", err, out)
	}
}
