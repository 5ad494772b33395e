import CognitionCore

/// What scripts, shell commands and other programs of workflows may do.
extension Setting {
    static let allowShell = Setting(
        "WORKFLOWS_ALLOW_SHELL", .choice(["true", "false"]), standard: "false",
        "Whether workflows may run shell commands and programs, in the sandbox as scripts are.")
    static let sandboxNetwork = Setting(
        "SANDBOX_ALLOW_NETWORK", .choice(["true", "false"]), standard: "false",
        "Whether processes may share this machine's network, past the egress rules, when their task asks for it.")
    static let sandboxFolders = Setting(
        "SANDBOX_FOLDERS", .list, "Folders besides /usr that processes in the sandbox may read.")
    static let sandboxConcurrency = Setting(
        "SANDBOX_CONCURRENCY", .number(1...1_024), standard: "4", "Processes in the sandbox at once.")
    static let sandboxTimeout = Setting(
        "SANDBOX_TIMEOUT", .duration(.seconds(1)...(.seconds(86_400)), bare: .seconds), standard: "5m",
        "How long a process in the sandbox may take.")
    static let sandboxProcessorTime = Setting(
        "SANDBOX_CPU_TIME", .duration(.seconds(1)...(.seconds(86_400)), bare: .seconds), standard: "60s",
        "Processor time of a process in the sandbox and all that it starts, together.")
    static let sandboxMemory = Setting(
        "SANDBOX_MEMORY_BYTES_MAX", .number((32 << 20)...(1 << 40)), standard: "536870912",
        "Memory of a process in the sandbox and all that it starts, together.")
    static let sandboxProcesses = Setting(
        "SANDBOX_PROCESSES_MAX", .number(8...32_768), standard: "128",
        "Processes and threads of one sandbox.")
    static let sandboxOutput = Setting(
        "SANDBOX_OUTPUT_BYTES_MAX", .number(1_024...(64 << 20)), standard: "4194304",
        "Standard output of a process in the sandbox; as much again for standard error.")
    static let sandboxFiles = Setting(
        "SANDBOX_FILE_BYTES_MAX", .number((1 << 20)...(1 << 40)), standard: "67108864",
        "Files in the temporary folder of a sandbox, together; they lie in memory.")

    static let sandbox = [
        allowShell, sandboxNetwork, sandboxFolders, sandboxConcurrency, sandboxTimeout, sandboxProcessorTime,
        sandboxMemory, sandboxProcesses, sandboxOutput, sandboxFiles,
    ]
}
