import { openSchedules, type SchedulesOptions, showAnswer } from '../open-schedules.ts';

export const deleteSchedule = async (id: string, options: SchedulesOptions): Promise<number> => {
  const deleted = await (await openSchedules(options)).remove(id);
  return showAnswer(options, deleted, (output) => output.write(`${deleted.schedule_id} deleted\n`));
};
