import CSpawn
import CognitionCore
import Foundation

/// Starts bubblewrap with a plan's descriptors, and holds our ends of the pipes.
///
/// It is started, waited for and killed by one thread that lives longer than it: with the thread that started it the kernel
/// would end it, as its life is bound to it.
struct SpawnedProcess {
    let pid: pid_t
    let input: OwnedDescriptor
    let output: OwnedDescriptor
    let errors: OwnedDescriptor
    let gate: OwnedDescriptor
    let status: OwnedDescriptor

    init(_ plan: SandboxPlan) throws(SandboxError) {
        let (input, output, errors) = (try Pipe(), try Pipe(), try Pipe())
        let (gate, status) = (try Connection(), try Pipe())
        var inherited = [
            input.reading, output.writing, errors.writing, gate.theirs, status.writing,
            try OwnedDescriptor.file(plan.options), try OwnedDescriptor.file(SystemCallFilter.program),
        ]
        for file in plan.files { inherited.append(try OwnedDescriptor.file(file.content)) }
        var raised: [OwnedDescriptor] = []
        for descriptor in inherited { raised.append(try descriptor.raised()) }
        pid = try Self.spawn(plan.arguments, raised.map(\.number))
        withExtendedLifetime(raised) {}
        self.input = input.writing
        self.output = output.reading
        self.errors = errors.reading
        self.gate = gate.ours
        self.status = status.reading
        for descriptor in [self.input, self.output, self.errors, self.gate, self.status] {
            descriptor.makeNonblocking()
        }
    }

    /// Starts a program in a session of its own, with these descriptors as 0, 1, … and no other, standard signals and an
    /// environment without anything of ours.
    private static func spawn(_ arguments: [String], _ descriptors: [Int32]) throws(SandboxError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in descriptors.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, Int32(descriptors.count))

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(0x80 /* SETSID */))

        let words = arguments.map { strdup($0) }
        let environment = [strdup("PATH=/usr/bin:/bin"), nil]
        defer { for word in words + environment { free(word) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, arguments[0], &actions, &attributes, words + [nil], environment)
        guard failure == 0 else {
            errno = failure
            throw .system("process")
        }
        return pid
    }
}
