import CognitionCore

/// A refresh token that somebody shows, with what the database knows of it.
struct PresentedToken: Sendable {
    let session: SessionID
    /// Place in the session's line of tokens, from 1.
    let generation: Int64
    let usedAt: Timestamp?
    let expiresAt: Timestamp
    let user: UserID
    let workspace: WorkspaceID
    let isSessionEnded: Bool
    let isUserActive: Bool
    /// In the workspace, now; `nil` when the user is no longer a member.
    let role: Role?
    let isOperator: Bool
    let successorHash: [UInt8]?
    let isSuccessorUsed: Bool

    enum Verdict: Sendable, Hashable {
        /// The newest token of its line: it gets a successor.
        case rotate
        /// Its successor was made a moment ago, and nobody has used that one: the answer was lost, or came twice.
        case answerAgain
        /// Used before, and not just now: it may be in two hands.
        case reuse
        /// Expired, or its session is over.
        case refuse
    }

    /// Source: RFC 9700, section 4.14.2, with the grace for a lost answer that FAPI 2.0 asks for.
    func verdict(now: Timestamp, grace: Duration) -> Verdict {
        guard !isSessionEnded, isUserActive, role != nil, expiresAt > now else { return .refuse }
        guard let usedAt else { return .rotate }
        return !isSuccessorUsed && now <= usedAt + grace ? .answerAgain : .reuse
    }
}

extension Role {
    /// What a user is in a workspace, given the role there; operators are so everywhere.
    static func effective(_ role: Role?, isOperator: Bool) -> [Role] {
        (role.map { [$0] } ?? []) + (isOperator ? [.operator] : [])
    }
}
