package import CognitionCore

/// Who the caller is by now, and what that leaves of the connection.
extension ClientSession {
    /// Called about once a second.
    package func tick(now: Timestamp) {
        guard !isClosed, let caller else { return }
        if now >= caller.expiresAt + rules.expiryGrace { return port.disconnect(.tokenExpired) }
        if renewal == .due { renew(caller) }
        if !hasAnnouncedExpiry, now >= caller.expiresAt - rules.expiryNotice {
            hasAnnouncedExpiry = true
            port.send(ServerMessage.tokenExpiring(caller))
        }
    }

    /// Something about some session has changed, perhaps this one.
    package func recheck(_ standing: (RealtimeCaller) -> RealtimeStanding) {
        guard !isClosed, let caller else { return }
        switch standing(caller) {
        case .good: break
        case .changed:
            switch renewal {
            case .none, .due: renew(caller)
            case .underWay, .outdated: renewal = .outdated
            case .superseded: break
            }
        case .ended: port.disconnect(.sessionRevoked)
        }
    }

    private func renew(_ caller: RealtimeCaller) {
        renewal = .underWay
        port.renew(caller)
    }

    /// The answer to ``SessionPort/renew(_:)``.
    package func renewed(_ result: Result<RealtimeCaller, any Error>) {
        let before = renewal
        renewal = before == .underWay ? .none : .due
        guard !isClosed, before != .superseded, let old = caller else { return }
        switch result {
        case .success(let new):
            // A refresh that came meanwhile has moved the end of the token.
            caller = RealtimeCaller(
                user: old.user, principal: new.principal, expiresAt: old.expiresAt, session: new.session)
            leaveForbidden()
        case .failure(let error):
            // Asked again with the next tick.
            guard (error as? any CodedError)?.category == .unauthenticated else { return renewal = .due }
            port.disconnect(.sessionRevoked)
        }
    }

    /// Leaves what the caller may no longer see, and asks of rooms, which know it themselves.
    func leaveForbidden() {
        guard let caller else { return }
        for subscription in Array(subscriptions.values) {
            guard caller.principal.may(subscription.topic.permission) else {
                leaveForRole(subscription)
                continue
            }
            if subscription.topic.isRoom { port.readmit(subscription, as: caller.inRooms) }
        }
    }

    private func leaveForRole(_ subscription: Subscription) {
        close(subscription)
        port.send(ServerMessage.unsubscribed(subscription.topic, reason: "role_changed", answering: nil))
    }

    /// The answer to ``SessionPort/readmit(_:as:)``; what could not be found out is left to whoever follows the rooms.
    package func readmitted(_ subscription: Subscription, _ result: Result<Void, any Error>) {
        guard !isClosed, !subscription.isClosed, case .failure(let error) = result else { return }
        switch (error as? any CodedError)?.category {
        case .notFound, .forbidden: leaveForRole(subscription)
        default: break
        }
    }
}
