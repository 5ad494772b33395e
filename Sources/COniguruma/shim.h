#pragma once

#include <oniguruma.h>
#include <stddef.h>

/* What Swift does not import of Oniguruma: encodings, syntaxes and options are macros, and error texts have variable
   arguments. All texts are UTF-8; `error` takes ONIG_MAX_ERROR_MESSAGE_LEN bytes. */

enum {
    COGNITION_ONIG_IGNORE_CASE = 1, COGNITION_ONIG_EXTENDED = 2, COGNITION_ONIG_DOT_MATCHES_NEWLINE = 4,
    COGNITION_ONIG_SINGLE_LINE = 8, COGNITION_ONIG_FIND_LONGEST = 16, COGNITION_ONIG_IGNORE_EMPTY = 32,
    COGNITION_ONIG_ERROR_BYTES = ONIG_MAX_ERROR_MESSAGE_LEN
};

/* Once, before anything else. */
static inline int cognition_onig_initialize(void) {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_set_parse_depth_limit(128); /* its parser nests on the caller's stack */
    return onig_initialize(encodings, 1);
}

/* Returns ONIG_NORMAL and the pattern, or an error code and its text. */
static inline int cognition_onig_compile(
    OnigRegex *regex, const unsigned char *pattern, size_t count, unsigned int options, unsigned char *error) {
    OnigOptionType flags = ONIG_OPTION_CAPTURE_GROUP;
    if (options & COGNITION_ONIG_IGNORE_CASE) flags |= ONIG_OPTION_IGNORECASE;
    if (options & COGNITION_ONIG_EXTENDED) flags |= ONIG_OPTION_EXTEND;
    if (options & COGNITION_ONIG_DOT_MATCHES_NEWLINE) flags |= ONIG_OPTION_MULTILINE;
    if (options & COGNITION_ONIG_SINGLE_LINE) flags |= ONIG_OPTION_SINGLELINE;
    if (options & COGNITION_ONIG_FIND_LONGEST) flags |= ONIG_OPTION_FIND_LONGEST;
    if (options & COGNITION_ONIG_IGNORE_EMPTY) flags |= ONIG_OPTION_FIND_NOT_EMPTY;
    OnigErrorInfo info;
    int status = onig_new(
        regex, pattern, pattern + count, flags, ONIG_ENCODING_UTF8, ONIG_SYNTAX_PERL_NG, &info);
    if (status != ONIG_NORMAL) onig_error_code_to_str(error, status, &info);
    return status;
}

/* Searches from the byte `start` on: the offset of the match, ONIG_MISMATCH, or an error code and its text. */
static inline int cognition_onig_search(
    OnigRegex regex, const unsigned char *text, size_t count, size_t start, OnigRegion *region, unsigned long retries,
    unsigned char *error) {
    OnigMatchParam *limits = onig_new_match_param();
    if (!limits) return ONIGERR_MEMORY;
    onig_set_retry_limit_in_match_of_match_param(limits, retries);
    onig_set_retry_limit_in_search_of_match_param(limits, retries);
    onig_set_match_stack_limit_size_of_match_param(limits, 1u << 20);
    int status = onig_search_with_param(
        regex, text, text + count, text + start, text + count, region, ONIG_OPTION_NONE, limits);
    onig_free_match_param(limits);
    if (status < ONIG_MISMATCH) onig_error_code_to_str(error, status);
    return status;
}
