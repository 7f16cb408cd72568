/* The workload of this example, for main(). */
#ifndef SHOP_STOCK_H
#define SHOP_STOCK_H

#include "shop.actr.h"

extern const stock_ops stock_handlers;
int stock_on_start(void *self, actr_ctx *ctx);
void stock_on_stop(void *self, actr_ctx *ctx);

#endif
