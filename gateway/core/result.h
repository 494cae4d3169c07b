/* The result shapes that every folder shares. */
#ifndef GATEWAY_CORE_RESULT_H
#define GATEWAY_CORE_RESULT_H

#define MUST_USE __attribute__((warn_unused_result))

/* What every call that moves bytes answers. */
enum io { IO_DONE, IO_AGAIN, IO_EOF, IO_FAIL };

#endif
