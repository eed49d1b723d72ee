// The receiver's last fault in words: a file of its own, so that a target that shows none does not hold the texts.
#include "ferry/engine/link_receiver_parts.h"

void ferry_link_receiver_explain(const struct ferry_link_receiver *self, struct ferry_error *out)
{
    ferry_link_receiver_ops.error(self, out);
    if (!out->status)
        return;
    out->detail = ferry_link_fault_text(self->error.fault);
    out->hint = ferry_status_hint(out->status);
}
