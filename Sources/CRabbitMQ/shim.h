#pragma once

#include <sys/time.h>

// From 0.12 on the headers have a folder of their own.
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

// Swift calls no functions with a variable number of arguments.
static inline amqp_rpc_reply_t amqp_login_by_password(
    amqp_connection_state_t state, const char *vhost, int channel_max, int frame_max, int heartbeat,
    const amqp_table_t *properties, const char *user, const char *password) {
    return amqp_login_with_properties(
        state, vhost, channel_max, frame_max, heartbeat, properties, AMQP_SASL_METHOD_PLAIN, user, password);
}

// Swift does not see these macros, which have casts.
static const amqp_method_number_t amqp_method_connection_close = AMQP_CONNECTION_CLOSE_METHOD;
static const amqp_method_number_t amqp_method_connection_blocked = AMQP_CONNECTION_BLOCKED_METHOD;
static const amqp_method_number_t amqp_method_connection_unblocked = AMQP_CONNECTION_UNBLOCKED_METHOD;
static const amqp_method_number_t amqp_method_channel_close = AMQP_CHANNEL_CLOSE_METHOD;
static const amqp_method_number_t amqp_method_channel_close_ok = AMQP_CHANNEL_CLOSE_OK_METHOD;
static const amqp_method_number_t amqp_method_basic_ack = AMQP_BASIC_ACK_METHOD;
static const amqp_method_number_t amqp_method_basic_nack = AMQP_BASIC_NACK_METHOD;
static const amqp_method_number_t amqp_method_basic_return = AMQP_BASIC_RETURN_METHOD;
static const amqp_method_number_t amqp_method_basic_deliver = AMQP_BASIC_DELIVER_METHOD;
static const amqp_method_number_t amqp_method_basic_cancel = AMQP_BASIC_CANCEL_METHOD;
static const amqp_method_number_t amqp_method_basic_get_ok = AMQP_BASIC_GET_OK_METHOD;
