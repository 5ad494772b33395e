/// What a program in the sandbox may use.
package struct SandboxSettings: Sendable {
    /// Programs that run at once; further ones wait in line.
    package var concurrency = 4
    /// Programs that wait in line; one more is refused.
    package var waitingMax = 4_096
    /// From a program's start to its end.
    package var timeout: Duration = .seconds(300)
    /// Processor time of a program and all that it has started, together.
    package var processorTime: Duration = .seconds(60)
    /// Memory of a program and all that it has started, together; what lies in its temporary folder does not count.
    package var memoryBytesMax = 512 << 20
    /// Processes and threads at once.
    package var processesMax = 128
    /// Bytes of standard output, and as many of standard error.
    package var outputBytesMax = 4 << 20
    /// Bytes of all files in the temporary folder together, which lies in memory.
    package var fileBytesMax = 64 << 20
    /// Folders of this machine that programs may read, besides `/usr`.
    package var folders: [String] = []
    /// Folders that programs see as empty, wherever they lie.
    package var hiddenFolders: [String] = []
    /// The program that makes the sandbox; looked for where programs lie when it is empty.
    package var bubblewrap = ""

    package init() {}
}
