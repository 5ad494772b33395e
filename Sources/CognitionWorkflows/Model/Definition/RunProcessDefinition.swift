import CognitionCore

/// A script or a shell command, as `run` describes it.
package struct RunProcessDefinition: Sendable {
    package enum Language: Sendable { case python, javaScript }

    package enum Program: Sendable {
        case script(Language, code: Template)
        /// A script that is fetched before each attempt.
        case fetched(Language, HTTPCallDefinition)
        case shell(Template)
    }

    /// What of the process is the task's output.
    package enum Output: String, Sendable, CaseIterable { case stdout, stderr, code, all, none }

    package let program: Program
    /// A list of words, or an object of named ones.
    package let arguments: Template?
    package let input: Template?
    package let environment: Template?
    /// False: the task ends as soon as the process runs, with its own input as output.
    package let await: Bool
    package let output: Output
    /// `metadata.network`.
    package let usesNetwork: Bool
    package let effect: EffectClass
}

/// Which processes an installation lets workflows run; scripts without a network always.
package struct ProcessRules: Sendable {
    /// `run: shell`, and MCP servers that are commands (`WORKFLOWS_ALLOW_SHELL`).
    package var allowsShell: Bool
    /// `metadata.network` (`SANDBOX_ALLOW_NETWORK`).
    package var allowsNetwork: Bool

    package init(allowsShell: Bool = false, allowsNetwork: Bool = false) {
        self.allowsShell = allowsShell
        self.allowsNetwork = allowsNetwork
    }

    static let shellRefused =
        "does not run shell commands and programs; its operator allows them with WORKFLOWS_ALLOW_SHELL"
    static let networkRefused =
        "gives processes no network, as they would go past its egress rules; its operator allows it with "
        + "SANDBOX_ALLOW_NETWORK"
}
