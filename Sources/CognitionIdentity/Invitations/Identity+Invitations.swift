package import CognitionCore
import CognitionStorage

extension Identity {
    /// Sends somebody an invitation to a workspace; it takes the place of an earlier one to the same address.
    ///
    /// - Throws: `identity.workspace_not_found`, `identity.forbidden`, `identity.role_invalid`, `identity.email_invalid`,
    ///   `identity.member_exists`, `identity.invitations_max`, `identity.too_many_mails`, `identity.mail_backlog`.
    package func invite(
        email: String, role: Role, to id: WorkspaceID, as caller: Caller, from client: ClientInfo
    ) async throws -> Invitation {
        let email = try EmailAddress(email)
        try countMailRequest(from: client)
        let act = act(of: caller, from: client)
        let token = OpaqueToken.random()
        guard let hash = OpaqueToken.hash(token) else { preconditionFailure("a token of ours has the form of one") }
        let invitation = Invitation(
            id: ids.next(), workspace: id, email: email.text, role: role, invitedBy: act.actor, createdAt: act.time,
            expiresAt: act.time + Invitation.life)
        return try await database.write { tx in
            try WorkspaceStore.hold(id, now: act.time, tx)
            try Self.standing(of: caller, in: id, tx).checkManages()
            try Self.checkAssignable(role)
            try Self.checkInvitable(email, to: id, now: act.time, tx)
            try InvitationStore.insert(invitation, hash, tx)
            try self.outbox.add(try self.mail(about: invitation, token), now: act.time, tx)
            try act.record(.invitationCreated(invitation.id, role), in: id, tx)
            try act.audit(
                .invitationCreate, target: .invitation(invitation.id), in: id, details: invitation.auditDetails, tx)
            return invitation
        }
    }

    /// Invitations of a workspace that wait to be accepted.
    /// - Throws: `identity.workspace_not_found`, `identity.forbidden`.
    package func invitations(
        of id: WorkspaceID, _ page: PageRequest = PageRequest(), as caller: Caller
    ) async throws -> Page<Invitation> {
        let now = clock.now
        return try await database.read { tx in
            try Self.standing(of: caller, in: id, tx).checkManages()
            return try InvitationStore.page(id, page, now: now, tx)
        }
    }

    /// Lets an invitation be accepted no more.
    /// - Throws: `identity.workspace_not_found`, `identity.forbidden`, `identity.invitation_not_found`.
    package func withdraw(
        _ invitation: InvitationID, of id: WorkspaceID, as caller: Caller, from client: ClientInfo
    ) async throws {
        let act = act(of: caller, from: client)
        try await database.write { tx in
            try Self.standing(of: caller, in: id, tx).checkManages()
            guard let gone = try InvitationStore.expire(invitation, in: id, now: act.time, tx) else {
                throw IdentityError.invitationNotFound
            }
            try act.record(.invitationWithdrawn(gone.id), in: id, tx)
            try act.audit(
                .invitationWithdraw, target: .invitation(gone.id), in: id, details: gone.auditDetails, tx)
        }
    }

    /// Makes the caller a member of the workspace of an invitation that was sent to the caller's address.
    ///
    /// - Throws: `identity.invitation_invalid`, `identity.member_exists`, `identity.workspaces_max`,
    ///   `identity.session_required`; `identity.user_not_found` for the command line, which is no user.
    package func acceptInvitation(
        _ token: Secret, as caller: Caller, from client: ClientInfo
    ) async throws -> Membership {
        guard caller.apiKey == nil else { throw IdentityError.sessionRequired }
        guard let id = caller.user else { throw IdentityError.userNotFound }
        let act = act(of: caller, from: client)
        return try await database.write { tx in
            let user = try Self.find(.id(id), tx)
            try Self.checkRoom(for: user.id, tx)
            let accepted = try Self.accept(token, as: user, by: act, tx)
            guard let workspace = try WorkspaceStore.find(accepted.workspace, tx) else {
                throw IdentityError.workspaceNotFound(accepted.workspace)
            }
            return Membership(workspace: workspace, role: accepted.role)
        }
    }

    /// Makes a user of who shows an invitation to the address: it proves that the address is theirs.
    ///
    /// - Throws: As ``register(_:from:)``; `identity.invitation_invalid`.
    func register(_ command: RegisterCommand, with invitation: Secret, from client: ClientInfo) async throws -> User {
        let (email, now) = (try EmailAddress(command.email), clock.now)
        // Said before the work of hashing; the transaction looks again.
        guard let hash = OpaqueToken.hash(invitation),
            try await database.read({ try InvitationStore.isGood(hash, for: email, now: now, $0) })
        else { throw IdentityError.invitationInvalid }
        let new = try await newUser(command, isOperator: false)
        let act = Act(actor: User.actor(new.id), client: client, time: clock.now, ids: ids)
        return try await database.write { tx in
            let user = try Self.insert(new, by: act, tx)
            try Self.accept(invitation, as: user, by: act, tx)
            return user
        }
    }

    /// Removes invitations that have expired, a bounded number.
    /// - Returns: Whether more are left.
    package func pruneInvitations() async throws -> Bool {
        let now = clock.now
        return try await database.write { try InvitationStore.prune(now: now, limit: 1_000, $0) }
    }

    // MARK: In a transaction

    /// Uses an invitation up, for a user who has its address.
    /// - Throws: `identity.invitation_invalid`, `identity.member_exists`.
    @discardableResult
    static func accept(
        _ token: Secret, as user: User, by act: Act, _ tx: borrowing Transaction
    ) throws -> Invitation {
        guard let hash = OpaqueToken.hash(token),
            let invitation = try InvitationStore.take(hash, for: user.email, now: act.time, tx)
        else { throw IdentityError.invitationInvalid }
        try act.audit(
            .invitationAccept, target: .invitation(invitation.id), in: invitation.workspace,
            details: invitation.auditDetails, tx)
        try act.record(.invitationAccepted(invitation.id, user.id), in: invitation.workspace, tx)
        try join(user.id, invitation.role, invitation.workspace, by: act, tx)
        return invitation
    }

    private static func checkInvitable(
        _ email: EmailAddress, to id: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        if let user = try UserStore.find(email, tx), try WorkspaceStore.role(of: user.id, in: id, tx) != nil {
            throw IdentityError(.memberExists, "the user is a member of the workspace already")
        }
        if let earlier = try InvitationStore.find(email, in: id, tx) {
            let free = earlier.createdAt + Invitation.interval
            guard free <= now else {
                throw IdentityError(
                    .invitationsMax, "an invitation was sent to this address a moment ago", retryAfter: free - now)
            }
            _ = try InvitationStore.delete(earlier.id, in: id, tx)
        }
        guard try InvitationStore.count(in: id, now: now, tx) < Invitation.perWorkspaceMax else {
            throw IdentityError(
                .invitationsMax,
                "\(Invitation.perWorkspaceMax) invitations of this workspace wait to be accepted; withdraw some")
        }
    }
}

extension Invitation {
    fileprivate var auditDetails: JSONObject { ["email": .string(email), "role": .string(role.rawValue)] }
}
