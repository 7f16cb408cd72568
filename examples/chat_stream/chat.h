/* What the room and its members agree on besides chat.proto. */
#ifndef CHAT_H
#define CHAT_H

#include "chat.actr.h"

/*
 * The id of the stream, at the room and at each member. One id is enough: the room tells members
 * apart by who sent the chunk, which the connection proves.
 */
#define CHAT_STREAM "chat"

#endif
