import CognitionCore
import Foundation

/// How one program is run: what bubblewrap is told, what it is given, and what it starts.
///
/// The program sees `/usr` and a few files of `/etc`, read-only; `/tmp`, its own, writable and bounded; `/proc` of its own
/// processes; and the devices that every program expects. It has new namespaces for users, processes, IPC, host name and
/// (unless it asked for it) network, no capability in any of them, and cannot make further ones.
struct SandboxPlan {
    struct File {
        let path: String
        let content: [UInt8]
    }

    /// Numbers of the descriptors that bubblewrap starts with; files follow.
    enum Descriptor {
        static let gate: Int32 = 3
        static let status: Int32 = 4
        static let options: Int32 = 5
        static let filter: Int32 = 6
        static let firstFile: Int32 = 7
    }

    private static let searchPath = ["/usr/local/bin", "/usr/bin", "/bin"]
    /// Who runs programs where this process is root.
    private static let nobody = 65_534
    /// Files of `/etc` that programs rely on and that hold no secrets.
    private static let systemFiles = [
        "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
        "/etc/mime.types", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/ca-certificates.conf",
    ]
    private static let networkFiles = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services"]
    private static let argumentBytesMax = 128 << 10
    private static let argumentsBytesMax = 1 << 20

    let arguments: [String]
    /// NUL-terminated, as `--args` takes them: on the command line others on this machine could read them.
    let options: [UInt8]
    let files: [File]

    /// - Throws: `SandboxError`.
    init(_ program: SandboxProgram, _ settings: SandboxSettings) throws(SandboxError) {
        let command = try Command(program, settings)
        files =
            [File(path: "/etc/passwd", content: Array("sandbox:x:1000:1000::/tmp:/bin/sh\n".utf8))] + command.files
        let options = try Self.options(program, files: files, settings)
        self.options = options.flatMap { Array($0.utf8) + [0] }
        arguments = try Self.launch(settings) + Self.limits(settings) + command.words
        let words = options + command.words
        for word in words where word.utf8.contains(0) {
            throw SandboxError(SandboxError.programInvalid, "An argument or variable holds the character U+0000.")
        }
        guard words.allSatisfy({ $0.utf8.count < Self.argumentBytesMax }),
            words.reduce(0, { $0 + $1.utf8.count + 1 }) < Self.argumentsBytesMax
        else {
            throw SandboxError(
                SandboxError.programInvalid,
                "An argument or variable has 128 KiB or more, or all of them together 1 MiB; use standard input.")
        }
    }

    /// The path of a program of this machine.
    static func find(_ name: String) -> String? {
        searchPath.map { $0 + "/" + name }.first { access($0, X_OK) == 0 }
    }

    // MARK: Parts

    private static func launch(_ settings: SandboxSettings) throws(SandboxError) -> [String] {
        guard let bubblewrap = settings.bubblewrap.isEmpty ? find("bwrap") : settings.bubblewrap,
            access(bubblewrap, X_OK) == 0
        else {
            throw SandboxError(
                SandboxError.unavailable,
                "This machine has no bubblewrap (bwrap), in which programs are run; on Debian: apt-get install bubblewrap."
            )
        }
        var words: [String] = []
        if geteuid() == 0 {
            guard let setpriv = find("setpriv") else {
                throw SandboxError(
                    SandboxError.unavailable, "This machine has no setpriv, by which programs are run without root.")
            }
            words = [
                setpriv, "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups", "--inh-caps=-all",
                "--bounding-set=-all", "--no-new-privs",
            ]
        }
        return words + [bubblewrap, "--args", "\(Descriptor.options)", "--"]
    }

    /// The shell knocks at the gate and waits. By then both halves of bubblewrap have bound their lives, one to this
    /// process and one to the other, so the gate may be opened; it stays shut when this process is gone.
    private static func limits(_ settings: SandboxSettings) -> [String] {
        let processorSeconds = max(1, Int(settings.processorTime.components.seconds) + 1)
        let launcher = """
            echo >&\(Descriptor.gate); read -r go <&\(Descriptor.gate) || exit 125; exec \(Descriptor.gate)<&-; \
            { echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; exec /usr/bin/nice -n 5 /usr/bin/prlimit \
            --cpu=\(processorSeconds) --data=\(settings.memoryBytesMax) --nproc=\(settings.processesMax) \
            --fsize=\(settings.fileBytesMax) --nofile=256 --core=0 --memlock=65536 -- "$@"
            """
        return ["/bin/sh", "-c", launcher, SandboxOwner.name]
    }

    private static func options(
        _ program: SandboxProgram, files: [File], _ settings: SandboxSettings
    ) throws(SandboxError) -> [String] {
        var options = [
            "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try",
            "--disable-userns", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--die-with-parent",
            "--new-session", "--json-status-fd", "\(Descriptor.status)", "--seccomp", "\(Descriptor.filter)",
            "--clearenv",
        ]
        if !program.usesNetwork { options.append("--unshare-net") }
        options += try environment(program).flatMap { ["--setenv", $0.name, $0.value] }
        options += ["--ro-bind", "/usr", "/usr"] + rootFolders
        let size = ["--size", "\(settings.fileBytesMax)", "--tmpfs"]
        options += ["--proc", "/proc", "--dev", "/dev"] + size + ["/dev/shm", "--remount-ro", "/dev"]
        options += size + ["/tmp", "--chdir", "/tmp"]
        for path in systemFiles + (program.usesNetwork ? networkFiles : []) {
            options += ["--ro-bind-try", path, path]
        }
        for folder in settings.folders { options += ["--ro-bind-try", folder, folder] }
        for folder in settings.hiddenFolders where isSeen(folder, settings) {
            options += ["--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
        }
        for (index, file) in files.enumerated() {
            options += ["--perms", "0444", "--file", "\(Descriptor.firstFile + Int32(index))", file.path]
        }
        return options + ["--remount-ro", "/"]
    }

    private static func isSeen(_ folder: String, _ settings: SandboxSettings) -> Bool {
        access(folder, F_OK) == 0
            && (["/usr"] + settings.folders).contains { folder == $0 || folder.hasPrefix($0 + "/") }
    }

    /// `/bin`, `/lib` and their like: links into `/usr` on most systems, folders of their own on others.
    private static var rootFolders: [String] {
        ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].flatMap { path -> [String] in
            if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
                return ["--symlink", target, path]
            }
            return ["--ro-bind-try", path, path]
        }
    }

    private static func environment(
        _ program: SandboxProgram
    ) throws(SandboxError) -> [(name: String, value: String)] {
        for (name, _) in program.environment {
            let first = name.utf8.first.map { !(0x30...0x39).contains($0) } ?? false
            guard first, name.utf8.allSatisfy(\.isOfVariableName) else {
                throw SandboxError(
                    SandboxError.programInvalid,
                    "'\(name.prefix(64))' is no name of an environment variable: letters, digits and _, no digit first."
                )
            }
        }
        return [
            ("PATH", searchPath.joined(separator: ":")), ("HOME", "/tmp"), ("TMPDIR", "/tmp"), ("LANG", "C.UTF-8"),
        ] + program.environment
    }
}

extension UInt8 {
    fileprivate var isOfVariableName: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
        default: false
        }
    }
}

/// The words that start a program, and the files that it is read from.
private struct Command {
    var words: [String]
    var files: [SandboxPlan.File] = []

    init(_ program: SandboxProgram, _ settings: SandboxSettings) throws(SandboxError) {
        switch program.kind {
        case .python(let code):
            words = [try Self.interpreter("python3", of: "Python")]
            files = [Self.file("main.py", code)]
            if let globals = program.globals {
                files.append(Self.file("arguments.json", JSONValue.object(globals).jsonText))
                words += [
                    "-c",
                    """
                    import json, runpy, sys
                    with open("/script/arguments.json") as file: arguments = json.load(file)
                    sys.path[0] = "/script"
                    runpy.run_path("/script/main.py", init_globals=arguments, run_name="__main__")
                    """,
                ]
            } else {
                words.append("/script/main.py")
            }
        case .javaScript(let code):
            let heap = max(16, settings.memoryBytesMax / 4 * 3 >> 20)
            words = [try Self.interpreter("node", of: "JavaScript"), "--max-old-space-size=\(heap)"]
            let main = "main." + (code.isModule ? "mjs" : "cjs")
            files = [Self.file(main, code)]
            if let globals = program.globals {
                files.append(Self.file("arguments.json", JSONValue.object(globals).jsonText))
                files.append(
                    Self.file("arguments.cjs", "Object.assign(globalThis, require('/script/arguments.json'))"))
                words += ["--require", "/script/arguments.cjs"]
            }
            words.append("/script/" + main)
        case .shell(let command): words = ["/bin/sh", "-c", command, "sh"]
        case .command(let name): words = [name]
        }
        words += program.arguments
    }

    private static func file(_ name: String, _ text: String) -> SandboxPlan.File {
        SandboxPlan.File(path: "/script/" + name, content: Array(text.utf8))
    }

    private static func interpreter(_ name: String, of language: String) throws(SandboxError) -> String {
        guard let path = SandboxPlan.find(name) else {
            throw SandboxError(
                SandboxError.unavailable,
                "This machine has no \(name) in /usr/bin or /usr/local/bin, which runs \(language).")
        }
        return path
    }
}

extension String {
    /// Whether JavaScript is a module: when a line begins with `import` or `export`.
    fileprivate var isModule: Bool {
        split(whereSeparator: \.isNewline).contains { line in
            let line = line.drop { $0 == " " || $0 == "\t" }
            return ["import", "export"].contains { word in
                guard line.hasPrefix(word), let next = line.dropFirst(word.count).first else { return false }
                // `import(…)` and `import.meta` are expressions.
                return next == " " || next == "{" || next == "\"" || next == "'" || next == "*" || next == "\t"
            }
        }
    }
}
