/* What the two ends agree on besides camera.proto. */
#ifndef CAMERA_H
#define CAMERA_H

#include "camera.actr.h"

#define CAMERA_TRACK "camera"
#define CAMERA_CLOCK 90000 /* of timestamps, per second: RFC 6184 8.1 */

#endif
