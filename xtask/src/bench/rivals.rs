//! The `ast-grep` program with twenty patterns of ours, for scale.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::code::Kind;
use super::program;

const PACKAGE: &str = "@ast-grep/cli@0.51.1";

/// The installed program.
pub(super) struct AstGrep {
    program: PathBuf,
    rules: PathBuf,
}

/// Installs it by npm if it is not there; none of the package's scripts run.
pub(super) fn ast_grep(target: &Path) -> Result<AstGrep> {
    let folder = target.join("tools/ast-grep");
    if find(&folder).is_none() {
        program::npm_install(&folder, PACKAGE)?;
    }
    let program = find(&folder).context("the package holds no program for this machine")?;
    Ok(AstGrep {
        program,
        rules: folder.join("rules"),
    })
}

fn find(folder: &Path) -> Option<PathBuf> {
    let packages = fs::read_dir(folder.join("node_modules/@ast-grep")).ok()?;
    let mut programs = packages
        .flatten()
        .map(|package| package.path().join("ast-grep"))
        .filter(|program| program.is_file());
    programs.next()
}

impl AstGrep {
    /// Seconds for a scan of a tree of one language by one thread.
    pub(super) fn scan(&self, tree: &Path, kind: Kind) -> Result<f64> {
        let milliseconds = self.timed(tree, kind.name(), &written(kind, 20), 1, 1)?;
        Ok(milliseconds / 1e3)
    }

    /// Milliseconds for a scan of a small tree of all languages by two threads: median of `rounds`.
    pub(super) fn scan_mixed(&self, tree: &Path, rounds: usize) -> Result<f64> {
        let rules: String = Kind::CODE.iter().map(|kind| written(*kind, 5)).collect();
        self.timed(tree, "mixed", &rules, 2, rounds)
    }

    fn timed(
        &self,
        tree: &Path,
        name: &str,
        rules: &str,
        threads: usize,
        rounds: usize,
    ) -> Result<f64> {
        fs::create_dir_all(&self.rules)?;
        let file = self.rules.join(format!("{name}.yml"));
        fs::write(&file, rules)?;
        let (middle, _) = program::median(rounds, || {
            let mut command = Command::new(&self.program);
            command
                .args(["scan", "--json=compact", "--threads"])
                .arg(threads.to_string())
                .arg("--rule")
                .arg(&file)
                .arg(tree);
            Ok(program::timed(&mut command)?.0)
        })?;
        Ok(middle)
    }
}

fn written(kind: Kind, most: usize) -> String {
    let mut text = String::new();
    for (number, pattern) in patterns(kind).iter().take(most).enumerate() {
        let language = kind.name();
        let _ = write!(
            text,
            "---\nid: {language}{number}\nlanguage: {language}\nmessage: found\nrule:\n  pattern: '{pattern}'\n"
        );
    }
    text
}

fn patterns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Python => &[
            "eval($A)",
            "exec($A)",
            "hashlib.md5($$$)",
            "hashlib.sha1($$$)",
            "os.system($A)",
            "subprocess.run($A, shell=True, $$$)",
            "pickle.loads($A)",
            "yaml.load($A)",
            "$C.execute($A + $B)",
            "$C.execute($A % $B)",
            "$C.execute($A.format($$$))",
            "tempfile.mktemp($$$)",
            "requests.get($A, verify=False)",
            "random.random()",
            "marshal.loads($A)",
            "ssl._create_unverified_context()",
            "open($A, $B)",
            "$A.run(debug=True)",
            "assert $A",
            "globals()",
        ],
        Kind::JavaScript => &[
            "eval($A)",
            "new Function($$$)",
            "$A.innerHTML = $B",
            "document.write($A)",
            "crypto.createHash(\"md5\")",
            "child_process.exec($$$)",
            "exec($A, $$$)",
            "Math.random()",
            "$C.query($A + $B)",
            "$A.outerHTML = $B",
            "setTimeout($A, $B)",
            "localStorage.setItem($$$)",
            "JSON.parse($A)",
            "require($A)",
            "res.redirect($A)",
            "res.send($A)",
            "fs.readFile($A, $$$)",
            "path.join($$$)",
            "$A == null",
            "new RegExp($A)",
        ],
        Kind::Java => &[
            "Runtime.getRuntime().exec($A)",
            "MessageDigest.getInstance($A)",
            "$S.executeQuery($A)",
            "$S.execute($A)",
            "new ObjectInputStream($A)",
            "$A.readObject()",
            "Cipher.getInstance($A)",
            "new Random()",
            "new File($A)",
            "$R.sendRedirect($A)",
            "Class.forName($A)",
            "new ProcessBuilder($$$)",
            "$R.getParameter($A)",
            "$W.write($A)",
            "Paths.get($$$)",
            "System.exit($A)",
            "$A.printStackTrace()",
            "new Cookie($A, $B)",
            "$C.setSecure(false)",
            "$A.equals($B)",
        ],
        Kind::Go => &[
            "exec.Command($$$)",
            "md5.New()",
            "sha1.New()",
            "$D.Query($A + $B)",
            "$D.Exec($A + $B)",
            "template.HTML($A)",
            "http.Redirect($$$)",
            "os.Open($A)",
            "ioutil.ReadFile($A)",
            "os.Chmod($A, 0777)",
            "rand.Intn($A)",
            "http.Get($A)",
            "filepath.Join($$$)",
            "fmt.Fprintf($A, $$$)",
            "json.Unmarshal($A, $B)",
            "unsafe.Pointer($A)",
            "panic($A)",
            "des.NewCipher($A)",
            "rc4.NewCipher($A)",
            "http.ListenAndServe($$$)",
        ],
        Kind::Text => &[],
    }
}
