import CognitionCore
import CognitionSandbox
import Foundation
import Testing

/// Programs that try to do what they may not.
@Suite struct SandboxEscapeTests {
    @Test("Nothing of this machine's files is there but the system's own")
    func files() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/secret-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("key".utf8).write(to: URL(fileURLWithPath: folder + "/keys.json"))
        let home = NSHomeDirectory()
        let result = try await sandbox().run(
            .python(
                "import os",
                "for path in ['\(folder)/keys.json', '/etc/shadow', '\(home)', '/root', '/home', '/var', '/srv', '/run',",
                "             '/sys', '/boot', '/opt', '/etc/ssh', '/proc/1/root/etc/shadow', '/proc/1/environ',",
                "             '/proc/\(getpid())/environ', '/proc/\(getpid())/root']:",
                "    if os.path.exists(path) and path != '/proc/1/environ': print('there is', path)",
                "print(sorted(os.listdir('/')))",
                "print(open('/etc/passwd').read())"))
        #expect(!result.text.contains("there is"), "\(result.text)")
        #expect(result.text.contains("sandbox:x:1000") && !result.text.contains("root:"), "\(result.text)")
        #expect(result.code == 0, "\(result.errorText)")
    }

    @Test("The data folder is empty in there, also where it lies in a folder that is shown")
    func hidden() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/shown-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder + "/data", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("key".utf8).write(to: URL(fileURLWithPath: folder + "/data/keys.json"))
        try Data("tool".utf8).write(to: URL(fileURLWithPath: folder + "/tool"))
        let sandbox = sandbox {
            $0.folders = [folder]
            $0.hiddenFolders = [folder + "/data"]
        }
        let result = try await sandbox.run(
            .shell(
                "cat \(folder)/tool; ls -A \(folder)/data; touch \(folder)/data/x || echo kept; touch \(folder)/x || echo kept"
            ))
        #expect(result.text == "toolkept\nkept\n", "\(result.text) \(result.errorText)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["data", "tool"])
    }

    @Test("Only the temporary folder can be written, and it is gone afterwards")
    func writing() async throws {
        let sandbox = sandbox { $0.fileBytesMax = 8 << 20 }
        let result = try await sandbox.run(
            .shell(
                """
                for folder in / /usr /usr/bin /etc /dev /script /bin /proc/sys/kernel; do
                  touch $folder/x 2>/dev/null && echo written $folder
                done
                echo 1 2>/dev/null >/proc/sys/kernel/core_pattern && echo changed
                head -c 100000000 /dev/zero >/tmp/large 2>/dev/null; wc -c </tmp/large
                head -c 100000000 /dev/zero >/dev/shm/large 2>/dev/null; wc -c </dev/shm/large
                chmod +x /tmp/large && echo own
                mkdir /tmp/a && mount -t tmpfs none /tmp/a 2>/dev/null && echo mounted
                mount -o remount,rw / 2>/dev/null && echo remounted
                true
                """))
        let lines = result.text.split(separator: "\n")
        #expect(lines.count == 3 && lines.last == "own", "\(result.text)")
        #expect(lines.prefix(2).allSatisfy { Int($0).map { $0 <= 8 << 20 } ?? false }, "\(result.text)")
        #expect(try await sandbox.run(.shell("ls -A /tmp /dev/shm")).text == "/dev/shm:\n\n/tmp:\n")
    }

    @Test("No rights, no new namespaces, no descriptors of ours, no calls that are refused")
    func rights() async throws {
        let result = try await sandbox().run(
            .shell(
                """
                id -u
                grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status
                unshare -Ur true 2>/dev/null && echo namespace
                ls /proc/self/fd | wc -l
                ls /proc | grep -c '^[0-9]'
                hostname
                """))
        let lines = result.text.split(separator: "\n").map {
            $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        #expect(
            lines.prefix(5) == [
                "1000", "CapBnd: 0000000000000000", "CapEff: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2",
            ]
                || lines.prefix(5) == [
                    "1000", "CapEff: 0000000000000000", "CapBnd: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2",
                ], "\(result.text)")
        // Standard input, output and error, and the folder that `ls` reads.
        #expect(lines.dropFirst(5).first == "4", "\(result.text)")
        #expect(lines.dropFirst(6).first.flatMap { Int($0) }.map { $0 <= 5 } == true, "\(result.text)")
        #expect(lines.last == "sandbox")
        let calls = try await sandbox().run(
            .python(
                "import ctypes, os", "libc = ctypes.CDLL(None, use_errno=True)",
                "def call(number, *arguments):",
                "    answer = libc.syscall(number, *arguments)", "    return answer, ctypes.get_errno()",
                "import platform", "intel = platform.machine() == 'x86_64'",
                "print(call(250 if intel else 219, 0, -3, 0, 0, 0), call(425, 1, 0), call(321 if intel else 280, 0, 0, 0),",
                "      call(319 if intel else 279, b'm', 0), call(101 if intel else 117, 0, 0, 0, 0))"))
        #expect(calls.text == "(-1, 1) (-1, 1) (-1, 1) (-1, 1) (-1, 1)\n", "\(calls.text) \(calls.errorText)")
    }

    @Test("There is no network, not even this machine's own, unless the program asks for it")
    func network() async throws {
        let listener = try Listener()
        let attempt = """
            import socket
            try:
                socket.create_connection(('127.0.0.1', \(listener.port)), 2).close()
                print('connected')
            except OSError as error: print('refused')
            try:
                socket.create_connection(('192.0.2.1', 80), 1)
                print('connected')
            except OSError as error: print('refused')
            print(len(socket.if_nameindex()))
            """
        let without = try await sandbox().run(.python(attempt))
        #expect(without.text == "refused\nrefused\n1\n", "\(without.text)")
        var program = SandboxProgram.python(attempt)
        program.usesNetwork = true
        let with = try await sandbox().run(program)
        #expect(with.text.hasPrefix("connected\nrefused\n"), "\(with.text) \(with.errorText)")
    }

    @Test("The environment of a program says nothing to what makes the sandbox")
    func environment() async throws {
        var program = SandboxProgram.shell("echo $LD_PRELOAD")
        program.environment = [("LD_PRELOAD", "/no/such/library.so"), ("PATH", "/nowhere")]
        let result = try await sandbox().run(program)
        #expect(result.code == 0 && result.text == "/no/such/library.so\n", "\(result.errorText)")
    }
}

/// A socket of this machine that takes connections.
private final class Listener: Sendable {
    struct Failed: Error {}

    let port: UInt16
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let number = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, length) == 0 && listen(number, 8) == 0 && getsockname(number, $0, &length) == 0
            }
        }
        guard isBound else { throw Failed() }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}
